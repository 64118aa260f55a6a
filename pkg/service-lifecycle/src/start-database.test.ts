import { expect, test, vi } from "vitest";
import { EXIT, ExitError } from "./exit.ts";
import { startDatabase } from "./start-database.ts";

const coded = (code: string, message: string) => Object.assign(new Error(message), { code });
const REFUSED = coded("ECONNREFUSED", "connect ECONNREFUSED 10.0.0.1:5432");

function setUp({
  check = async () => {},
  prepare = async () => {},
  waitMs = 700,
  signal = undefined as AbortSignal | undefined,
} = {}) {
  const told: unknown[] = [];
  const url = "postgresql://ada:secret@db.example.com:5432/users?sslmode=verify-full&sslrootcert=/tls/ca.crt";
  const spied = { check: vi.fn(check), prepare: vi.fn(prepare) };
  return {
    ...spied,
    told,
    start: () => startDatabase({ ...spied, url, waitMs, signal, onWaiting: (facts) => told.push(facts) }),
  };
}

const catchError = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );

test("a database that answers is prepared, and nothing is said", async () => {
  const { start, prepare, told } = setUp();
  await start();
  expect(prepare).toHaveBeenCalledOnce();
  expect(told).toEqual([]);
});

test("a database that is not up yet is waited for, with its reason told, and then prepared", async () => {
  const answers = [REFUSED, coded("57P03", "the database system is starting up")];
  const { start, prepare, told } = setUp({
    waitMs: 10_000,
    check: async () => {
      const error = answers.shift();
      if (error) throw error;
    },
  });
  await start();
  expect(prepare).toHaveBeenCalledOnce();
  expect(told).toMatchObject([
    {
      database: "db.example.com:5432/users",
      reason: REFUSED.message,
    },
    { reason: "the database system is starting up" },
  ]);
});

test.each<readonly [error: Error, exitCode: number, line: string]>([
  [REFUSED, EXIT.unavailable, `not reached (databaseWaitMs: 0): ${REFUSED.message}`],
  [
    coded("ENOTFOUND", "getaddrinfo ENOTFOUND db"),
    EXIT.unavailable,
    "not reached (databaseWaitMs: 0): getaddrinfo ENOTFOUND db",
  ],
  [
    coded("CERT_HAS_EXPIRED", "certificate has expired"),
    EXIT.unavailable,
    "not reached (databaseWaitMs: 0): certificate has expired",
  ],
  [coded("53300", "too many clients"), EXIT.unavailable, "not reached (databaseWaitMs: 0): too many clients"],
  [coded("28P01", "no"), EXIT.permission, ": no; check the user and the password in DATABASE_URL"],
  [coded("28000", "no"), EXIT.permission, ": no; check the user, the password and sslmode in DATABASE_URL"],
  [coded("42501", "no"), EXIT.permission, ": no; grant the right to the user in DATABASE_URL"],
  [coded("3D000", "no"), EXIT.configuration, ": no; create it, or check the name in DATABASE_URL"],
  ...[
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
  ].map(
    (code) =>
      [coded(code, "no"), EXIT.configuration, ": no; the issuer of the server's certificate is not trusted"] as const,
  ),
  [coded("ERR_TLS_CERT_ALTNAME_INVALID", "no"), EXIT.configuration, ": no; the host in DATABASE_URL must be a name in"],
  [
    Object.assign(coded("ENOENT", "no"), { syscall: "open", path: "/tls/ca.crt" }),
    EXIT.configuration,
    ": no; check the files that sslrootcert, sslcert and sslkey in DATABASE_URL name",
  ],
  [coded("EISDIR", "no"), EXIT.configuration, ": no; check the files that sslrootcert,"],
  [coded("ERR_OSSL_PEM_NO_START_LINE", "no"), EXIT.configuration, ": no; check the files that sslrootcert,"],
  [
    coded("08001", "The server does not support SSL connections"),
    EXIT.configuration,
    ": The server does not support SSL connections; switch it on at the server, or leave sslmode out of DATABASE_URL",
  ],
  [
    Object.assign(coded("ENOENT", "no socket"), { syscall: "connect", address: "/run/.s.PGSQL.5432" }),
    EXIT.unavailable,
    "not reached (databaseWaitMs: 0): no socket",
  ],
  [
    Object.assign(coded("ECONNRESET", "read ECONNRESET"), { syscall: "read" }),
    EXIT.unavailable,
    "not reached (databaseWaitMs: 0): read ECONNRESET",
  ],
])(
  "%s ends with one line and its code, whether the check or the preparation meets it",
  async (error, exitCode, line) => {
    const failing = () => Promise.reject(error);
    for (const failures of [{ check: failing }, { prepare: failing }]) {
      const thrown = await catchError(setUp({ ...failures, waitMs: 0 }).start());
      expect(thrown).toBeInstanceOf(ExitError);
      expect(thrown).toMatchObject({ exitCode, cause: error });
      expect((thrown as Error).message).toContain(
        `database db.example.com:5432/users${line.startsWith(":") ? "" : " "}${line}`,
      );
      expect((thrown as Error).message).not.toContain("secret");
    }
  },
);

test.each([
  ["an issuer that is not trusted", coded("SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain")],
  ["a missing file that the URL names", Object.assign(coded("ENOENT", "no"), { path: "/tls/ca.crt" })],
  ["a server without TLS", coded("08001", "The server does not support SSL connections")],
])("%s is not waited for", async (_what, error) => {
  const { start, check, told } = setUp({ check: () => Promise.reject(error), waitMs: 60_000 });
  expect(await catchError(start())).toMatchObject({ exitCode: EXIT.configuration });
  expect(check).toHaveBeenCalledOnce();
  expect(told).toEqual([]);
});

test("a missing file that the URL does not name is the defect that it is", async () => {
  const error = Object.assign(coded("ENOENT", "no"), { syscall: "open", path: "/app/migrations" });
  const thrown = await catchError(setUp({ prepare: () => Promise.reject(error), waitMs: 0 }).start());
  expect((thrown as Error).message).not.toContain("sslrootcert");
});

test("of a name with several addresses, the trouble with each is told", async () => {
  const error = Object.assign(new AggregateError([new Error("refused by ::1"), "refused by 127.0.0.1"]), {
    code: "ECONNREFUSED",
  });
  const thrown = await catchError(setUp({ check: () => Promise.reject(error), waitMs: 0 }).start());
  expect(thrown).toMatchObject({ message: expect.stringContaining(": refused by ::1; refused by 127.0.0.1") });
});

test.each([
  ["a database that is behind", new Error("the database lacks 1_users")],
  ["a defect", new TypeError("a defect")],
  ["an error of a statement", coded("42601", "syntax error")],
])("%s is thrown as it is, without waiting", async (_what, error) => {
  const unprepared = setUp({ prepare: () => Promise.reject(error) });
  expect(await catchError(unprepared.start())).toBe(error);
  const unchecked = setUp({ check: () => Promise.reject(error) });
  expect(await catchError(unchecked.start())).toBe(error);
  expect(unchecked.check).toHaveBeenCalledOnce();
  expect(unchecked.prepare).not.toHaveBeenCalled();
});

test("the signal ends the wait with its reason", async () => {
  const stop = new AbortController();
  const { start, prepare } = setUp({ check: () => Promise.reject(REFUSED), waitMs: 60_000, signal: stop.signal });
  const started = start();
  const reason = new Error("stop");
  setImmediate(() => stop.abort(reason));
  expect(await catchError(started)).toBe(reason);
  expect(prepare).not.toHaveBeenCalled();
});

test("a database that takes the connection and never answers is not reached either", async () => {
  const thrown = await catchError(setUp({ check: () => new Promise(() => {}), waitMs: 20 }).start());
  expect(thrown).toMatchObject({
    exitCode: EXIT.unavailable,
    message: "database db.example.com:5432/users not reached (databaseWaitMs: 20): no answer within 20 ms",
  });
});

test("a password that was not encoded and reads as a host's port is not told as a part of the name", async () => {
  const told: unknown[] = [];
  const check = () => Promise.reject(REFUSED);
  const url = "postgresql://postgres:12/topsecret/x@127.0.0.1:1/db";
  const options = { check, prepare: async () => {}, url, waitMs: 10, onWaiting: (facts: unknown) => told.push(facts) };
  const error = await catchError(startDatabase(options));
  expect(`${error} ${JSON.stringify(told)}`).not.toContain("topsecret");
});

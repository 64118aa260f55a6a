import { EXIT, ExitError } from "./exit.ts";
import { waitFor } from "./wait-for.ts";

export interface StartDatabaseOptions {
  /** Resolves when the database answers; rejects with an error that has a `code`: an SQLSTATE, or Node's for a socket. */
  readonly check: () => Promise<void>;
  /** Brings the schema to what is needed, or insists that it is there. */
  readonly prepare: () => Promise<void>;
  /** A PostgreSQL connection URI. Of it, messages name host, port and database. */
  readonly url: string;
  /** How long to wait for a database that is not up yet, in milliseconds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told why the database is waited for: at first, when the reason changes, and every 5 s. */
  readonly onWaiting: (facts: WaitingFacts) => void;
}

export interface WaitingFacts {
  /** `host:port/name` */
  readonly database: string;
  readonly reason: string;
  readonly waitedMs: number;
}

interface Verdict {
  readonly exitCode: number;
  readonly advice: string;
}

const ISSUER: Verdict = {
  exitCode: EXIT.configuration,
  advice: "the issuer of the server's certificate is not trusted: name its CA's file as sslrootcert in DATABASE_URL",
};

const FILE: Verdict = {
  exitCode: EXIT.configuration,
  advice: "check the files that sslrootcert, sslcert and sslkey in DATABASE_URL name",
};

/**
 * What waiting does not mend, by SQLSTATE (28 invalid authorization, 42501 a missing right, 3D000 no such database) and by
 * Node's code for a certificate. One that has expired is waited for: it is the server's to renew, no option here is wrong.
 */
const FINAL: Readonly<Record<string, Verdict>> = {
  // A server that wants TLS says this of a connection without.
  "28000": { exitCode: EXIT.permission, advice: "check the user, the password and sslmode in DATABASE_URL" },
  "28P01": { exitCode: EXIT.permission, advice: "check the user and the password in DATABASE_URL" },
  "42501": { exitCode: EXIT.permission, advice: "grant the right to the user in DATABASE_URL" },
  "3D000": { exitCode: EXIT.configuration, advice: "create it, or check the name in DATABASE_URL" },
  // sslrootcert is a folder.
  EISDIR: FILE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ISSUER,
  SELF_SIGNED_CERT_IN_CHAIN: ISSUER,
  DEPTH_ZERO_SELF_SIGNED_CERT: ISSUER,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    exitCode: EXIT.configuration,
    advice: "the host in DATABASE_URL must be a name in the server's certificate",
  },
};

const NO_TLS: Verdict = {
  exitCode: EXIT.configuration,
  advice: "switch it on at the server, or leave sslmode out of DATABASE_URL",
};

/** What waiting may mend: connection failure, no room, starting or stopping; and what is no SQLSTATE but Node's code. */
const TRANSIENT = /^(08|53|57P)|^E|_/;

/**
 * Waits until a PostgreSQL database is up, saying why, and prepares it.
 *
 * @throws ExitError when it cannot be used as it is; what `prepare` throws; the signal's reason
 */
export async function startDatabase({ check, prepare, url, waitMs, signal, onWaiting }: StartDatabaseOptions) {
  const database = nameOf(url);
  try {
    await waitFor(check, {
      timeoutMs: waitMs,
      signal,
      isTransient: (error) => !verdictOn(error, url) && TRANSIENT.test(codeOf(error)),
      onWaiting: (error, waitedMs) => onWaiting({ database, reason: text(error), waitedMs }),
    });
    await prepare();
  } catch (error) {
    const final = verdictOn(error, url);
    if (final) throw new ExitError(`database ${database}: ${text(error)}; ${final.advice}`, final.exitCode, error);
    if (signal?.aborted || !TRANSIENT.test(codeOf(error))) throw error;
    const message = `database ${database} not reached (databaseWaitMs: ${waitMs}): ${text(error)}`;
    throw new ExitError(message, EXIT.unavailable, error);
  }
}

function verdictOn(error: unknown, url: string): Verdict | undefined {
  // Of a file that the URL names: a socket's ENOENT is waited for, the server may make it yet.
  const path = error instanceof Error && "path" in error ? String(error.path) : undefined;
  if (path !== undefined && [...new URL(url).searchParams.values()].includes(path)) return FILE;
  const code = codeOf(error);
  // What OpenSSL says of a certificate or a key that it cannot read.
  if (code.startsWith("ERR_OSSL_")) return FILE;
  // pg has words for it, no code.
  if (text(error) === "The server does not support SSL connections") return NO_TLS;
  return FINAL[code];
}

/** Host, port and name. Nothing where a password that is not percent-encoded may have been taken for a part of them. */
function nameOf(url: string): string {
  const { username, host, pathname } = new URL(url);
  const ats = url.split("@").length - 1;
  return ats === 0 || (ats === 1 && username !== "" && host !== "") ? `${host}${pathname}` : "***";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Of a name with several addresses, each one's trouble. */
function text(error: unknown): string {
  const errors = error instanceof AggregateError ? error.errors : [error];
  return errors.map((each) => (each instanceof Error ? each.message : String(each))).join("; ");
}

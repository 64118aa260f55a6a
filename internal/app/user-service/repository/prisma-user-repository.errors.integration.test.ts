import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DomainError } from "#internal/pkg/errors/errors.ts";
import { createLogger } from "#internal/pkg/logger/logger.ts";
import { runOn } from "../../../../scripts/postgres/scratch-database.ts";
import { createTestDatabase, type TestDatabase } from "../../../../test/database/test-database.ts";
import { type Database, type DatabaseOptions, openDatabase } from "../database.ts";
import type { User } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";
import { call, newUser } from "./user.fixture.ts";

const logger = createLogger({ level: "error", format: "json", service: "test", version: "test" });

let testDatabase: TestDatabase;
const opened: Database[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  testDatabase = await createTestDatabase("user-service");
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
  for (const server of servers.splice(0)) server.close();
  await runOn(testDatabase.url, "TRUNCATE users");
});

afterAll(async () => {
  await testDatabase?.drop();
});

/** Longer than a busy machine needs: whoever waits for a limit to be reached sets it. */
const PATIENT = { connectTimeoutMs: 10_000, statementTimeoutMs: 60_000, lockTimeoutMs: 60_000 };

function openUsers(options: Partial<DatabaseOptions> = {}): UserRepository {
  const database = openDatabase({ url: testDatabase.url, applicationName: "test", ...PATIENT, ...options }, logger);
  opened.push(database);
  return database.users;
}

/** Runs `work` while nobody else can read or write users. */
async function whileLocked(work: () => Promise<void>): Promise<void> {
  const client = new pg.Client(testDatabase.url);
  await client.connect();
  try {
    await client.query("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    await work();
  } finally {
    await client.end();
  }
}

/** Interferes until a call has come to its end. */
async function whilePending(calling: Promise<unknown>, interfere: () => Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = calling.finally(() => {
    isOver = true;
  });
  while (!isOver) await Promise.race([over, interfere().then(() => sleep(20))]);
  await over;
}

/** Runs `work` while PL/pgSQL `statement` runs before each insert of a user. */
async function whileTriggered(statement: string, work: () => Promise<void>): Promise<void> {
  const body = `CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${statement}; END $$`;
  const trigger = "CREATE TRIGGER interfere BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION interfere()";
  await runOn(testDatabase.url, `${body}; ${trigger}`);
  try {
    await work();
  } finally {
    await runOn(testDatabase.url, "DROP FUNCTION interfere CASCADE");
  }
}

/** The test database, or whatever `onConnection` makes of it, behind a port of its own. */
async function urlBehind(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer(onConnection);
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = new URL(testDatabase.url);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return url.href;
}

async function expectError(failing: Promise<unknown>, expected: { name: string; reason: string }): Promise<void> {
  const error: unknown = await failing.then(
    (value) => expect.unreachable(`resolved with ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  expect(error).toMatchObject(expected);
  const { message, metadata, cause } = error as DomainError;
  // What went wrong inside is for the log alone.
  expect(cause).toBeInstanceOf(Error);
  expect(message).not.toContain((cause as Error).message);
  expect(JSON.stringify({ message, metadata })).not.toMatch(
    /users|select|update|prisma|pg|127\.0\.0\.1|connect|P\d{4}/i,
  );
}

const TIMEOUT = { name: "DeadlineExceeded", reason: "DATABASE_TIMEOUT" };
const UNAVAILABLE = { name: "Unavailable", reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1_000 };
const CONFLICT = { name: "Aborted", reason: "DATABASE_CONFLICT" };

const OPERATIONS: readonly [string, (users: UserRepository) => Promise<unknown>][] = [
  ["insert", (users) => users.insert(newUser(), call)],
  ["get", (users) => users.get(uuidv7(), call)],
  ["list", (users) => users.list({ limit: 1 }, call)],
  ["update", (users) => users.update(uuidv7(), { fields: {}, updateTime: new Date() }, call)],
  ["delete", (users) => users.delete(uuidv7(), 1, call)],
  ["a transaction", (users) => users.transaction((inner) => inner.list({ limit: 1 }, call), call)],
];

describe("the Prisma user repository in trouble", () => {
  it.each(OPERATIONS)("says DeadlineExceeded when the database works on %s for too long", async (_, run) => {
    await whileLocked(() => expectError(run(openUsers({ statementTimeoutMs: 50 })), TIMEOUT));
  });

  it.each(OPERATIONS)("says Unavailable when %s cannot get a lock in time", async (_, run) => {
    await whileLocked(() => expectError(run(openUsers({ lockTimeoutMs: 50 })), UNAVAILABLE));
  });

  it("says Unavailable of whatever finds no free connection in time", async () => {
    const users = openUsers({ maxConnections: 1, connectTimeoutMs: 2_000 });
    const runAll = async () => {
      await Promise.all(OPERATIONS.map(([, run]) => expectError(run(users), UNAVAILABLE)));
    };
    await users.transaction(runAll, call);
    expect(await users.list({ limit: 10 }, call)).toEqual([]);
  });

  it.each(OPERATIONS)("says Unavailable of %s when nothing listens", async (_, run) => {
    const url = await urlBehind(() => {});
    const [server] = servers.splice(0);
    if (server) await once(server.close(), "close");
    await expectError(run(openUsers({ url })), UNAVAILABLE);
  });

  it.each(OPERATIONS)("says Unavailable of %s when the server does not say a word", async (_, run) => {
    const sockets: Socket[] = [];
    const url = await urlBehind((socket) => sockets.push(socket));
    await expectError(run(openUsers({ url, connectTimeoutMs: 50 })), UNAVAILABLE);
    for (const socket of sockets) socket.destroy();
  });

  it.each(OPERATIONS)("says Unavailable when the connection breaks under %s", async (_, run) => {
    const { hostname, port } = new URL(testDatabase.url);
    const sockets: Socket[] = [];
    const url = await urlBehind((socket) => {
      const upstream = connect(Number(port || 5432), hostname);
      sockets.push(socket, upstream);
      for (const end of [socket, upstream]) end.on("error", () => {});
      socket.pipe(upstream).pipe(socket);
    });
    const users = openUsers({ url });
    await users.list({ limit: 1 }, call);
    await whileLocked(async () => {
      const failing = expectError(run(users), UNAVAILABLE);
      await waitForLockWaiter();
      // A read is asked again, on a new connection.
      await whilePending(failing, async () => {
        for (const socket of sockets.splice(0)) socket.destroy();
      });
    });
    // Whether it was done nobody can know; the next one gets a new connection.
    await users.list({ limit: 10 }, call);
  });

  it.each(OPERATIONS)("says Unavailable when the server ends the connection under %s", async (_, run) => {
    const users = openUsers();
    await whileLocked(async () => {
      const failing = expectError(run(users), UNAVAILABLE);
      await waitForLockWaiter();
      const end = `SELECT pg_terminate_backend(pid) ${IN_DATABASE} AND wait_event_type = 'Lock'`;
      await whilePending(failing, () => runOn(testDatabase.url, end));
    });
    expect(await users.list({ limit: 10 }, call)).toEqual([]);
  });

  it("says Unavailable of a transaction that the server ended because it did nothing for too long, and keeps none of it", async () => {
    const users = openUsers({ idleInTransactionTimeoutMs: 50 });
    const ended = users.transaction(async (inner) => {
      await inner.insert(newUser(), call);
      await waitForNoTransaction();
      await inner.insert(newUser(), call);
    }, call);
    await expectError(ended, UNAVAILABLE);
    const idleAtEnd = users.transaction(async (inner) => {
      await inner.insert(newUser(), call);
      await waitForNoTransaction();
    }, call);
    await expectError(idleAtEnd, UNAVAILABLE);
    expect(await users.list({ limit: 10 }, call)).toEqual([]);
  });

  it("repeats one of two transactions that wait for each other, so that both are done", async () => {
    const users = openUsers();
    const [a, b] = [await users.insert(newUser(), call), await users.insert(newUser(), call)];
    const change = { fields: {}, updateTime: new Date() };
    const bothBegan = Promise.withResolvers<void>();
    let began = 0;
    const updateBoth = (first: User, second: User) =>
      users.transaction(async (inner) => {
        await inner.update(first.id, change, call);
        began += 1;
        if (began === 2) bothBegan.resolve();
        await bothBegan.promise;
        await inner.update(second.id, change, call);
      }, call);
    await Promise.all([updateBoth(a, b), updateBoth(b, a)]);
    expect(began).toBe(3);
    expect((await users.list({ limit: 10 }, call)).map(({ version }) => version)).toEqual([3, 3]);
  });

  it.each([
    ["insert", (users: UserRepository) => users.insert(newUser({ displayName: "Never" }), call)],
    [
      "a transaction",
      (users: UserRepository) =>
        users.transaction((inner) => inner.insert(newUser({ displayName: "Never" }), call), call),
    ],
  ])("says Aborted of %s that others get in the way of each time", async (_, run) => {
    await whileTriggered("RAISE EXCEPTION USING ERRCODE = '40001'", async () => {
      await expectError(run(openUsers()), CONFLICT);
    });
  });

  it("says FailedPrecondition when something that it refers to is not there", async () => {
    await whileTriggered("RAISE EXCEPTION USING ERRCODE = '23503'", async () => {
      const failing = openUsers().insert(newUser(), call);
      await expectError(failing, { name: "FailedPrecondition", reason: "REFERENCE_VIOLATION" });
    });
  });

  it.each(["23514", "23502"])(
    "says nothing of a rule of the database's own that is broken (%s): a defect",
    async (code) => {
      await whileTriggered(`RAISE EXCEPTION USING ERRCODE = '${code}'`, async () => {
        const error: unknown = await openUsers()
          .insert(newUser(), call)
          .catch((reason) => reason);
        expect(error).not.toBeInstanceOf(DomainError);
      });
    },
  );

  it("says Unavailable when the database takes no writes", async () => {
    const name = new URL(testDatabase.url).pathname.slice(1);
    await runOn(testDatabase.url, `ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
    const users = openUsers();
    const failing = expectError(users.insert(newUser(), call), UNAVAILABLE);
    const writable = `BEGIN READ WRITE; ALTER DATABASE "${name}" RESET default_transaction_read_only; COMMIT`;
    await failing.finally(() => runOn(testDatabase.url, writable));
    await users.insert(newUser(), call);
  });

  it.each(OPERATIONS)("leaves the error of %s that it does not know as it is", async (_, run) => {
    const users = openUsers();
    await runOn(testDatabase.url, "ALTER TABLE users RENAME TO people");
    const error: unknown = await run(users).catch((error) => error);
    await runOn(testDatabase.url, "ALTER TABLE people RENAME TO users");
    expect(error).toMatchObject({ name: "PrismaClientKnownRequestError", code: "P2021" });
    expect(error).not.toBeInstanceOf(DomainError);
  });
});

describe("the Prisma user repository", () => {
  it.each(["America/New_York", "Asia/Kolkata", "UTC"])("stores the moment meant in a database of %s", async (zone) => {
    const name = new URL(testDatabase.url).pathname.slice(1);
    await runOn(testDatabase.url, `ALTER DATABASE "${name}" SET timezone TO '${zone}'`);
    const createTime = new Date("2026-03-08T02:30:00.123Z");
    const user = await openUsers().insert(newUser({ createTime }), call);
    expect(user.createTime).toEqual(createTime);
    const stored = await runOn(
      testDatabase.url,
      "SELECT (extract(epoch FROM create_time) * 1000)::bigint AS ms FROM users",
    );
    expect(Number(stored.rows[0].ms)).toBe(createTime.getTime());
    await runOn(testDatabase.url, `ALTER DATABASE "${name}" RESET timezone`);
  });
});

describe("a call that ends", () => {
  const gone = new Error("the client left");

  it.each(OPERATIONS)("is told so at once, with nothing left at the database, in %s", async (_, run) => {
    const users = openUsers({ maxConnections: 1 });
    const client = new AbortController();
    const dying = { signal: client.signal };
    await whileLocked(async () => {
      const failing = run(as(users, dying)).catch((error) => error);
      await waitForLockWaiter();
      client.abort(gone);
      expect(await failing).toBe(gone);
      await expect.poll(() => count(`${IN_DATABASE} AND wait_event_type = 'Lock'`)).toBe(0);
      await waitForNoOther();
    });
    expect(await users.list({ limit: 10 }, call)).toEqual([]);
  });

  it("leaves no transaction, though its work goes on", async () => {
    const users = openUsers({ maxConnections: 1 });
    const client = new AbortController();
    const dying = { signal: client.signal };
    const ended = Promise.withResolvers<void>();
    const later = Promise.withResolvers<unknown>();
    const failing = users.transaction(async (inner) => {
      await inner.insert(newUser(), dying);
      client.abort(gone);
      await ended.promise;
      await inner.insert(newUser(), call).catch(later.resolve);
    }, dying);
    await expect(failing).rejects.toBe(gone);
    await waitForNoTransaction();
    ended.resolve();
    expect(await later.promise).toBeInstanceOf(Error);
    expect(await users.list({ limit: 10 }, call)).toEqual([]);
  });

  it("does not take along others whose reads Prisma has merged with its own", async () => {
    const users = openUsers();
    const [a, b] = [await users.insert(newUser(), call), await users.insert(newUser(), call)];
    const client = new AbortController();
    const { promise: patient, resolve } = Promise.withResolvers<User>();
    let impatient: Promise<unknown> | undefined;
    await whileLocked(async () => {
      impatient = users.get(a.id, { signal: client.signal }).catch((error) => error);
      users.get(b.id, call).then(resolve, resolve);
      await waitForLockWaiter();
      expect(await count(`${IN_DATABASE} AND wait_event_type = 'Lock'`)).toBe(1);
      client.abort(gone);
      expect(await impatient).toBe(gone);
    });
    expect(await patient).toEqual(b);
  });

  it("cancels merged reads when all of their calls have ended", async () => {
    const users = openUsers();
    const client = new AbortController();
    await whileLocked(async () => {
      const reads = [1, 2, 3].map(() => users.get(uuidv7(), { signal: client.signal }).catch((error) => error));
      await waitForLockWaiter();
      client.abort(gone);
      expect(await Promise.all(reads)).toEqual([gone, gone, gone]);
      await expect.poll(() => count(`${IN_DATABASE} AND wait_event_type = 'Lock'`)).toBe(0);
    });
  });
});

/** The same repository, for another call than the tests' own. */
function as(users: UserRepository, other: { signal: AbortSignal }): UserRepository {
  return {
    insert: (user) => users.insert(user, other),
    get: (id) => users.get(id, other),
    list: (page) => users.list(page, other),
    update: (id, change) => users.update(id, change, other),
    delete: (id, version) => users.delete(id, version, other),
    transaction: (work) => users.transaction((inner) => work(as(inner, other)), other),
  };
}

const IN_DATABASE = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/** Resolves once a connection waits for a lock. */
async function waitForLockWaiter(): Promise<void> {
  await expect.poll(() => count(`${IN_DATABASE} AND wait_event_type = 'Lock'`)).toBeGreaterThan(0);
}

async function waitForNoTransaction(): Promise<void> {
  await expect.poll(() => count(`${IN_DATABASE} AND state LIKE 'idle in transaction%'`)).toBe(0);
}

/** Resolves once nobody but the holder of the lock has a transaction. */
async function waitForNoOther(): Promise<void> {
  await expect.poll(() => count(`${IN_DATABASE} AND state LIKE 'idle in transaction%'`)).toBe(1);
}

async function count(from: string): Promise<number> {
  return Number((await runOn(testDatabase.url, `SELECT count(*) ${from}`)).rows[0].count);
}

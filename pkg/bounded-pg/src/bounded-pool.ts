import pg from "pg";
import { BoundedClient, type Bounds, withCode } from "./bounded-client.ts";
import { currentScope } from "./call-scope.ts";
import { CallEndedError, ConnectionError } from "./database-error.ts";

export interface PoolOptions {
  /** A PostgreSQL connection URI, `postgresql://user:password@host:5432/database`. What it says about TLS is heeded. */
  readonly url: string;
  /** How many connections there are at most. The default is 10. */
  readonly maxConnections?: number;
  /**
   * How long a query waits for a connection, be it a free one of the pool or a new one, in milliseconds. Then it rejects
   * with a ConnectionError (SQLSTATE 08001). The default is 1,500; pg's own is forever.
   */
  readonly connectTimeoutMs?: number;
  /** How long the server works on a statement before it cancels it (SQLSTATE 57014), in milliseconds. The default is 5,000. */
  readonly statementTimeoutMs?: number;
  /**
   * How much later than `statementTimeoutMs` the server counts as gone, in milliseconds: the statement's connection is
   * then closed (SQLSTATE 08006). The default is 1,000.
   */
  readonly answerGraceMs?: number;
  /** How long a statement waits for a lock that another one holds (SQLSTATE 55P03), in milliseconds. The default is 2,000. */
  readonly lockTimeoutMs?: number;
  /**
   * How long a transaction may do nothing before the server closes its connection (SQLSTATE 25P03), in milliseconds: it
   * holds locks meanwhile. The default is 10,000.
   */
  readonly idleInTransactionTimeoutMs?: number;
  /** After how long without a word a connection is asked whether it lives before it is lent, in milliseconds. The default is 1,000. */
  readonly validateAfterMs?: number;
  /** How long the answer to that may take, in milliseconds. The default is 500. */
  readonly validationTimeoutMs?: number;
  /** How long undoing the work of a call that has ended may take, before its connection is closed, in milliseconds. The default is 1,000. */
  readonly cancelTimeoutMs?: number;
  /** What `pg_stat_activity` calls these connections. */
  readonly applicationName: string;
  /** Told when an idle connection breaks, by a restart of the server for instance. The pool has already replaced it. */
  readonly onError: (error: Error) => void;
}

/** What a pool's connections do now; `timeouts` counts those who got none in time, since it was made. */
export interface PoolStats {
  readonly inUse: number;
  readonly idle: number;
  readonly waiting: number;
  readonly timeouts: number;
}

/** pg's pool, and what it does now. */
export type Pool = pg.Pool & { stats(): PoolStats };

type Method = (...args: unknown[]) => unknown;
type Release = (error?: Error | boolean) => void;
/** The release is the pool's, set anew for each loan. */
type Lent = BoundedClient & { release: Release };

interface Waits extends Bounds {
  readonly connectTimeoutMs: number;
  readonly validateAfterMs: number;
  readonly validationTimeoutMs: number;
}

/**
 * A pool of connections in which nothing waits forever. It connects with the first query; `end()` closes it. What it does
 * within `runInCall` ends with that call.
 *
 * The time limits and the time zone are set when a connection starts, which a PgBouncer in front must be told to pass
 * (`ignore_startup_parameters` drops them) or have set for its own.
 */
export function createPool(options: PoolOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 5_000;
  const connectTimeoutMs = options.connectTimeoutMs ?? 1_500;
  const waits: Waits = {
    connectTimeoutMs,
    validateAfterMs: options.validateAfterMs ?? 1_000,
    validationTimeoutMs: options.validationTimeoutMs ?? 500,
    maxSilenceMs: statementTimeoutMs + (options.answerGraceMs ?? 1_000),
    cancelTimeoutMs: options.cancelTimeoutMs ?? 1_000,
    distrustBeforeMs: 0,
  };
  // Its methods have pg's overloads, which a subclass cannot repeat.
  const pool = new BoundedPool(waits, {
    connectionString: options.url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs ?? 2_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
    application_name: options.applicationName,
    // Prisma's adapter writes times without their zone, and takes what it reads for UTC.
    options: "-c TimeZone=UTC",
    // Finds out about a server that went away without a word, where no query would.
    keepAlive: true,
  });
  // Without a listener the process would end with the first idle connection that breaks.
  pool.on("error", options.onError);
  return pool as unknown as Pool;
}

class BoundedPool extends pg.Pool {
  readonly #waits: Waits;
  readonly #clients = new Set<BoundedClient>();
  #timeouts = 0;

  constructor(waits: Waits, config: pg.PoolConfig) {
    const Client = BoundedClient as unknown as new () => pg.ClientBase;
    super({ ...config, Client, ...{ bounds: waits } });
    this.#waits = waits;
    this.on("connect", (client) => this.#clients.add(client as unknown as BoundedClient));
    this.on("remove", (client) => this.#clients.delete(client as unknown as BoundedClient));
  }

  stats(): PoolStats {
    const { totalCount, idleCount: idle, waitingCount: waiting } = this;
    return { inUse: totalCount - idle, idle, waiting, timeouts: this.#timeouts };
  }

  /** As pg's: a connection to oneself, for the call that this runs in, until its `release`. */
  override connect(...args: unknown[]): never {
    return (args.length > 0 ? (super.connect as Method).apply(this, args) : this.#lend()) as never;
  }

  /** As pg's, but an error of the statement alone does not cost the connection. */
  override query(...args: unknown[]): never {
    const hasCallback = args.some((arg) => typeof arg === "function");
    return (hasCallback ? (super.query as Method).apply(this, args) : this.#query(args)) as never;
  }

  /** As pg's, and connections are closed when it resolves: those still in use after `cancelTimeoutMs` are cut. */
  override end(): never {
    return this.#end() as never;
  }

  async #query(args: unknown[]): Promise<unknown> {
    const client = await this.#lend();
    try {
      return await (client.query as Method)(...args);
    } finally {
      client.release();
    }
  }

  async #end(): Promise<void> {
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const whenEmpty = () => this.#clients.size === 0 && resolve();
    this.on("remove", whenEmpty);
    const ended = super.end() as Promise<void>;
    whenEmpty();
    const timer = setTimeout(resolve, this.#waits.cancelTimeoutMs);
    await Promise.all([left, Promise.race([ended, left])]);
    clearTimeout(timer);
    for (const client of this.#clients) client.destroy();
  }

  /** A live connection, lent to the running call, within `connectTimeoutMs` and only while that call waits. */
  #lend(): Promise<Lent> {
    const scope = currentScope();
    return new Promise((resolve, reject) => {
      const isFirst = once(() => {
        clearTimeout(timer);
        scope?.offEnd(onCallEnd);
      });
      const onCallEnd = () => {
        if (isFirst()) reject(new CallEndedError());
      };
      const timer = setTimeout(() => {
        if (!isFirst()) return;
        this.#timeouts += 1;
        reject(new ConnectionError("08001", "no database connection was to be had in time"));
      }, this.#waits.connectTimeoutMs);
      scope?.onEnd(onCallEnd);
      if (scope?.ended) return;
      this.#takeLive().then(
        (client) => {
          if (!isFirst()) return client.release();
          client.lend(scope);
          resolve(client);
        },
        (error) => {
          if (isFirst()) reject(withCode(error, "08001"));
        },
      );
    });
  }

  async #takeLive(): Promise<Lent> {
    for (;;) {
      const client = (await super.connect()) as unknown as Lent;
      const { lastHeardMs } = client;
      const { distrustBeforeMs, validateAfterMs, validationTimeoutMs } = this.#waits;
      const isFresh = performance.now() - lastHeardMs < validateAfterMs;
      if (lastHeardMs > distrustBeforeMs && (isFresh || (await client.answers(validationTimeoutMs)))) {
        client.release = releaseOf(client, client.release);
        return client;
      }
      client.destroy();
      client.release(true);
    }
  }
}

/** Gives a connection back if it is fit to be lent again, else closes it. */
function releaseOf(client: BoundedClient, release: Release): Release {
  const isFirst = once(() => {});
  return (error) => {
    if (!isFirst()) throw new Error("this connection was released already");
    const isFit = client.takeBack();
    if (typeof isFit === "boolean") release(error || !isFit);
    else void isFit.then((fit) => release(error || !fit));
  };
}

/** True the first time, having called `work`; then false. */
function once(work: () => void): () => boolean {
  let done = false;
  return () => {
    if (done) return false;
    done = true;
    work();
    return true;
  };
}

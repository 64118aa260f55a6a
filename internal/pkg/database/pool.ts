import pg from "pg";

export interface PoolOptions {
  /** A PostgreSQL connection URI, `postgresql://user:password@host:5432/database`. What it says about TLS is heeded. */
  readonly url: string;
  /** How many connections there are at most. The default is 10. */
  readonly maxConnections?: number;
  /**
   * How long a query waits for a connection, be it a free one of the pool or a new one, in milliseconds. Then it rejects
   * with an Error. The default is 2,000; pg's own is forever.
   */
  readonly connectTimeoutMs?: number;
  /** How long the server works on a statement before it cancels it (SQLSTATE 57014), in milliseconds. The default is 5,000. */
  readonly statementTimeoutMs?: number;
  /** How long a statement waits for a lock that another one holds (SQLSTATE 55P03), in milliseconds. The default is 2,000. */
  readonly lockTimeoutMs?: number;
  /**
   * How long a transaction may do nothing before the server closes its connection (SQLSTATE 25P03), in milliseconds: it
   * holds locks meanwhile. The default is 10,000.
   */
  readonly idleInTransactionTimeoutMs?: number;
  /** What `pg_stat_activity` calls these connections. */
  readonly applicationName: string;
  /** Told when an idle connection breaks, by a restart of the server for instance. The pool has already replaced it. */
  readonly onError: (error: Error) => void;
}

/**
 * A pool of connections in which nothing waits forever. It connects with the first query; `end()` closes it.
 *
 * The time limits and the time zone are set when a connection starts, which a PgBouncer in front must be told to pass
 * (`ignore_startup_parameters` drops them) or have set for its own.
 */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 2_000,
    statement_timeout: options.statementTimeoutMs ?? 5_000,
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
  codeConnectionFailures(pool, "connect", "query");
  pool.on("connect", (client) => codeConnectionFailures(client, "query"));
  return pool;
}

/**
 * That a connection broke, or that none was to be had in time, pg says in words alone. Such an error gets the SQLSTATE for
 * it, connection_failure; the server's have theirs already, the system's an errno.
 */
function codeConnectionFailures<T extends object>(target: T, ...methods: (keyof T)[]): void {
  for (const name of methods) {
    const method = target[name] as (...args: unknown[]) => unknown;
    const coded = (...args: unknown[]) => {
      const result = method.apply(target, args);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: Error & { code?: string }) => {
        if (Object.getPrototypeOf(error) === Error.prototype) error.code ??= "08006";
        throw error;
      });
    };
    Object.assign(target, { [name]: coded });
  }
}

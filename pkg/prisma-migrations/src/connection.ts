import pg from "pg";

export interface ConnectionOptions {
  /**
   * A PostgreSQL connection URI of a role that owns the tables. It must reach the server itself or a pooler in session mode:
   * the lock belongs to the connection.
   */
  readonly url: string;
  /** How long to wait for a connection, in milliseconds. The default is 5,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Ends the call, which rejects with the signal's reason and leaves nothing half-done: the migration at hand is cancelled as a
   * whole (one that could leave a part behind runs to its end), those before it stay applied.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Connects for the time of `use`. Once the signal has fired, every failure is the signal's reason. */
export async function withClient<T>(options: ConnectionOptions, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const { signal } = options;
  signal?.throwIfAborted();
  const client = createClient(options);
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    // Frees the lock too. A connection that is already gone cannot fail what was done.
    await client.end().catch(() => {});
  }
}

function createClient(options: ConnectionOptions): pg.Client {
  const client = new pg.Client({
    connectionString: options.url,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    application_name: "migrate",
    keepAlive: true,
  });
  // A connection that breaks fails the query at hand, or the next one; the event says nothing more.
  client.on("error", () => {});
  return client;
}

/** Runs a statement that the signal cancels. Once it settles, no cancel is on its way that could hit what comes next. */
export async function cancellable(client: pg.Client, options: ConnectionOptions, sql: string): Promise<void> {
  const { signal } = options;
  let cancelled: Promise<void> | undefined;
  const cancel = () => {
    cancelled = cancelStatement(client, options);
  };
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    const running = client.query(sql);
    if (signal?.aborted) cancel();
    await running;
  } finally {
    signal?.removeEventListener("abort", cancel);
    await cancelled;
  }
}

/** By a second connection, as psql does at Ctrl-C. */
async function cancelStatement(target: pg.Client, options: ConnectionOptions): Promise<void> {
  const client = createClient(options);
  try {
    await client.connect();
    // Missing from pg's types; set once connected.
    await client.query("SELECT pg_cancel_backend($1)", [(target as pg.Client & { processID: number }).processID]);
  } catch {
    // The statement goes on to its end, or to its lock timeout.
  } finally {
    await client.end().catch(() => {});
  }
}

/** A PostgreSQL for a run of tests. */
export interface TestServer {
  /** What it is, for people. */
  readonly description: string;
  /** Of a role that may create databases. */
  readonly adminUrl: string;
  stop(): Promise<void>;
  /** Leaves as little behind as can be done within an 'exit' event. */
  abandon(): void;
}

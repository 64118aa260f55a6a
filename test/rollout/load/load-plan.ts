/** What the load program is told. */
export interface LoadPlan {
  /** Starts the e-mail addresses of the users that it creates: no two runs on a database may have the same. */
  readonly run: string;
  /** Of each client. */
  readonly callsPerSecond: number;
  /** What grpc-js dials, with round_robin: any target that it knows, as in dns:name:port. */
  readonly grpcJsTarget: string;
  /** The base of HTTP/1.1 requests, http://host:port. */
  readonly http1Url: string;
  /** The program, what it dials, and a file with the service's descriptors for it (FileDescriptorSet). */
  readonly grpcGo: { readonly program: string; readonly target: string; readonly descriptors: string };
}

/** A call that was not answered with OK. */
export interface Failure {
  /** Milliseconds since 1970: when the client knew of it. */
  readonly atMs: number;
  readonly message: string;
}

/** What became of the calls of one client. */
export interface ClientReport {
  readonly client: string;
  readonly made: number;
  readonly answered: number;
  /** Users whose creation was answered with OK, and users whose creation was asked for in vain. */
  readonly created: number;
  readonly createsFailed: number;
  readonly failures: readonly Failure[];
}

export interface LoadReport {
  readonly clients: readonly ClientReport[];
  /** What a client that watches the service's health has seen, in order: statuses, and how streams ended. */
  readonly watched: readonly string[];
}

/** A line that the load program writes: how many calls were answered so far; at the end, the report. */
export type LoadLine =
  | { readonly answered: number; readonly watched: readonly string[] }
  | { readonly report: LoadReport };

/** A client at work. */
export interface LoadClient {
  /** Answered so far. */
  readonly answered: number;
  /** Makes no further call, waits for the answers of those made, and resolves to what became of all. */
  stop(): Promise<ClientReport>;
}

/** How long a call may take, in ms: far longer than any should. */
export const CALL_TIMEOUT_MS = 10_000;

/** Of each client. A worker has one call under way at a time. */
export const WORKERS = 8;
export const MOST_IN_FLIGHT = 3 * WORKERS;

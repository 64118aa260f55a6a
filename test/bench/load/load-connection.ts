/** A connection that makes the same call over and over, and checks every answer. */
export interface LoadConnection {
  /** Begins, and keeps so many calls in flight (HTTP/1.1: one). */
  start(streams: number): void;
  /** Starts no more calls; resolves with the number of calls made, once all of them are answered. */
  finish(): Promise<number>;
  close(): void;
}

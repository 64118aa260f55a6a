import type { ConnectError } from "@connectrpc/connect";

/** The body of an answer that tells an error. */
export interface ErrorBody {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** What of the error's metadata is sent. Default: all of it. */
  readonly metadata?: Headers;
}

/** Errors as text for people. */
export function describeInText({ rawMessage }: ConnectError): ErrorBody {
  return { contentType: "text/plain; charset=utf-8", body: Buffer.from(`${rawMessage}\n`) };
}

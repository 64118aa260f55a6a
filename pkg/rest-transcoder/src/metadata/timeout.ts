import { Code, ConnectError } from "@connectrpc/connect";

/** Seconds, with a fraction. Ten digits are three hundred years. */
const SERVER_TIMEOUT = /^\d{1,10}(?:\.\d{1,9})?$/;

/**
 * The time that a client gives a call, in milliseconds; undefined without one. `grpc-timeout` is what grpc-gateway
 * reads, `x-server-timeout`, in seconds, what Google's APIs and vanguard-go do. Of both the shorter holds: then neither
 * who set the one nor who set the other waits for nothing.
 * `prefer: wait` is no deadline (RFC 7240, 4.3), and not read.
 * @throws ConnectError INVALID_ARGUMENT for a malformed one, naming the header
 */
export function readTimeoutMs(
  headers: { lookup(name: string): string | null },
  parseGrpcTimeout: (value: string | null) => number | undefined,
): number | undefined {
  const grpcMs = parseGrpcTimeout(headers.lookup("grpc-timeout"));
  const serverMs = parseServerTimeout(headers.lookup("x-server-timeout"));
  if (grpcMs === undefined || serverMs === undefined) return grpcMs ?? serverMs;
  return Math.min(grpcMs, serverMs);
}

function parseServerTimeout(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (SERVER_TIMEOUT.test(value)) return Number(value) * 1_000;
  throw new ConnectError("invalid x-server-timeout: expected seconds, as in 2 or 0.25", Code.InvalidArgument);
}

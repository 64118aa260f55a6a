import { Code, ConnectError } from "@connectrpc/connect";

/** Source: gRPC over HTTP/2, "Timeout". */
const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const MS_PER_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Source: Connect protocol, "Timeout-Milliseconds". */
const CONNECT_TIMEOUT = /^\d{1,10}$/;

/** What `grpc-timeout` says, in milliseconds; undefined without one. @throws ConnectError INVALID_ARGUMENT */
export function parseGrpcTimeout(value: string | null): number | undefined {
  if (value === null) return undefined;
  const [, digits, unit = ""] = GRPC_TIMEOUT.exec(value) ?? [];
  if (digits === undefined) throw malformed("grpc-timeout", "1 to 8 digits and one of H, M, S, m, u, n");
  return Number(digits) * (MS_PER_UNIT[unit] ?? 0);
}

/** What `connect-timeout-ms` says; undefined without one. @throws ConnectError INVALID_ARGUMENT */
export function parseConnectTimeout(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (!CONNECT_TIMEOUT.test(value)) throw malformed("connect-timeout-ms", "1 to 10 digits");
  return Number(value);
}

/** Without the value: messages end up in logs, and what clients send by mistake may be a secret. */
function malformed(header: string, expected: string): ConnectError {
  return new ConnectError(`invalid ${header}: expected ${expected}`, Code.InvalidArgument);
}

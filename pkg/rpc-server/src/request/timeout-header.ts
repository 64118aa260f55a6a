/** Longer timers fire after 1 ms: Node keeps the delay in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Source: gRPC over HTTP/2, "Timeout". */
const MS_PER_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Removes a timeout that no timer can hold (24.8 days and more): connect-es would end such a call at once. What is not
 * a valid timeout stays, for connect-es to refuse.
 */
export function dropEndlessTimeout(headers: Headers): void {
  const grpc = /^(\d{1,8})([HMSmun])$/.exec(headers.get("grpc-timeout") ?? "");
  if (grpc !== null && Number(grpc[1]) * (MS_PER_UNIT[grpc[2] ?? ""] ?? 0) > MAX_TIMER_MS) {
    headers.delete("grpc-timeout");
  }
  if (Number(headers.get("connect-timeout-ms")) > MAX_TIMER_MS) headers.delete("connect-timeout-ms");
}

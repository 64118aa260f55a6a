import type { CallObserver, ObservedCall } from "@grpc-service-template/rpc-server";
import type { MethodCounts, RpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { codeName } from "./code-name.ts";

/** Counts and times every call in `metrics`. */
export function createMetricsObserver(metrics: RpcMetrics): CallObserver {
  const countsOf = ({ kind, service, method }: ObservedCall): MethodCounts => metrics.countsOf(kind, service, method);
  return {
    begin(call) {
      countsOf(call).started++;
    },
    received(call) {
      countsOf(call).received++;
    },
    sent(call) {
      countsOf(call).sent++;
    },
    end(call, error) {
      const counts = countsOf(call);
      const code = codeName(error?.code);
      counts.handled.set(code, (counts.handled.get(code) ?? 0) + 1);
      metrics.seconds.add(counts.durations, (performance.now() - call.startedMs) / 1000);
    },
  };
}

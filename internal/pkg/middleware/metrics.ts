import type { CallObserver, ObservedCall } from "@grpc-service-template/rpc-server";
import type { CallLabels, RpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { codeName } from "./code-name.ts";

/** Counts and times every call in `metrics`. */
export function createMetricsObserver(metrics: RpcMetrics): CallObserver {
  return {
    begin: (call) => metrics.started.inc(labels(call)),
    received: (call) => metrics.received.inc(labels(call)),
    sent: (call) => metrics.sent.inc(labels(call)),
    end(call, error) {
      metrics.handled.inc({ ...labels(call), grpc_code: codeName(error?.code) });
      metrics.seconds.observe(labels(call), (performance.now() - call.startedMs) / 1000);
    },
  };
}

function labels(call: ObservedCall): CallLabels {
  return { grpc_type: call.kind, grpc_service: call.service, grpc_method: call.method };
}

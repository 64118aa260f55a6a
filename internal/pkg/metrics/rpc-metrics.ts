import { Counter, Histogram, type Registry } from "prom-client";

const CALL_LABELS = ["grpc_type", "grpc_service", "grpc_method"] as const;

/** The labels that say which RPC a measurement is of. */
export type CallLabels = Record<(typeof CALL_LABELS)[number], string>;

/** Counts and times calls, under the names that go-grpc-middleware's Prometheus provider gave to the field. */
export type RpcMetrics = ReturnType<typeof createRpcMetrics>;

/** Registers the metrics of the RPC server with `registry`. */
export function createRpcMetrics(registry: Registry) {
  const registers = [registry];
  return {
    started: new Counter({
      name: "grpc_server_started_total",
      help: "Total number of RPCs started on the server.",
      labelNames: CALL_LABELS,
      registers,
    }),
    handled: new Counter({
      name: "grpc_server_handled_total",
      help: "Total number of RPCs completed on the server, regardless of success or failure.",
      labelNames: [...CALL_LABELS, "grpc_code"],
      registers,
    }),
    received: new Counter({
      name: "grpc_server_msg_received_total",
      help: "Total number of RPC stream messages received on the server.",
      labelNames: CALL_LABELS,
      registers,
    }),
    sent: new Counter({
      name: "grpc_server_msg_sent_total",
      help: "Total number of RPC stream messages sent by the server.",
      labelNames: CALL_LABELS,
      registers,
    }),
    seconds: new Histogram({
      name: "grpc_server_handling_seconds",
      help: "Histogram of response latency (seconds) of RPCs that had been handled by the server.",
      labelNames: CALL_LABELS,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
  };
}

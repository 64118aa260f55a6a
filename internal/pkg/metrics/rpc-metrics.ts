import { Counter, type Registry } from "prom-client";
import { DurationHistogram, type Durations } from "./duration-histogram.ts";

const CALL_LABELS = ["grpc_type", "grpc_service", "grpc_method"] as const;

/** The labels that say which RPC a measurement is of. */
type CallLabels = Record<(typeof CALL_LABELS)[number], string>;

/** What happened to the calls of one RPC. */
export interface MethodCounts {
  readonly labels: CallLabels;
  started: number;
  received: number;
  sent: number;
  /** Calls that ended, by the name of their code. */
  readonly handled: Map<string, number>;
  readonly durations: Durations;
}

/** Counts and times calls, under the names that go-grpc-middleware's Prometheus provider gave to the field. */
export type RpcMetrics = ReturnType<typeof createRpcMetrics>;

/**
 * Registers the metrics of the RPC server with `registry`. Calls count in plain numbers, which prom-client reads when it
 * is asked: a counter of its own looks its labels up at every increment, four times in a call.
 */
export function createRpcMetrics(registry: Registry) {
  const methods = new Map<string, Map<string, MethodCounts>>();

  function countsOf(type: string, service: string, method: string): MethodCounts {
    const counts = methods.get(service)?.get(method);
    return counts ?? addMethod({ grpc_type: type, grpc_service: service, grpc_method: method });
  }

  function addMethod(labels: CallLabels): MethodCounts {
    const counts = {
      labels,
      started: 0,
      received: 0,
      sent: 0,
      handled: new Map<string, number>(),
      durations: seconds.newDurations(),
    };
    const service = methods.get(labels.grpc_service) ?? new Map<string, MethodCounts>();
    methods.set(labels.grpc_service, service.set(labels.grpc_method, counts));
    return counts;
  }

  function register(name: string, help: string, read: (counts: MethodCounts) => number): void {
    new Counter({
      name,
      help,
      labelNames: CALL_LABELS,
      registers: [registry],
      collect() {
        this.reset();
        for (const counts of allCounts()) this.inc(counts.labels, read(counts));
      },
    });
  }

  function* allCounts(): Generator<MethodCounts> {
    for (const service of methods.values()) yield* service.values();
  }

  register("grpc_server_started_total", "Total number of RPCs started on the server.", ({ started }) => started);
  new Counter({
    name: "grpc_server_handled_total",
    help: "Total number of RPCs completed on the server, regardless of success or failure.",
    labelNames: [...CALL_LABELS, "grpc_code"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, handled } of allCounts()) {
        for (const [grpc_code, count] of handled) this.inc({ ...labels, grpc_code }, count);
      }
    },
  });
  register(
    "grpc_server_msg_received_total",
    "Total number of RPC stream messages received on the server.",
    ({ received }) => received,
  );
  register("grpc_server_msg_sent_total", "Total number of RPC stream messages sent by the server.", ({ sent }) => sent);
  const seconds = new DurationHistogram(
    {
      name: "grpc_server_handling_seconds",
      help: "Histogram of response latency (seconds) of RPCs that had been handled by the server.",
      labelNames: CALL_LABELS,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    },
    allCounts,
  );
  return { countsOf, seconds };
}

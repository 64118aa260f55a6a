import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { createBroadcast } from "./broadcast.ts";
import { type Health, HealthCheckResponse_ServingStatus as WireStatus } from "./gen/grpc/health/v1/health_pb.ts";

/**
 * Whether a service takes calls. The protocol's other two values are not for a server to set: its document lets an answer
 * be SERVING or NOT_SERVING, and SERVICE_UNKNOWN is what Watch says of a name that was never set.
 */
export type ServingStatus = "SERVING" | "NOT_SERVING";

/** What `createHealth` needs to know. */
export interface HealthOptions {
  /**
   * Full names of services (`user.v1.UserService`) known from the start, NOT_SERVING until set.
   * The empty name, which stands for the server as a whole, is always known. Default: no others.
   */
  readonly services?: readonly string[];
  /**
   * Names known from the start that only `set` changes: `setAll`, `shutdown` and `close` leave them alone. For what does not
   * follow the readiness, such as `liveness`. NOT_SERVING until set. Default: none.
   */
  readonly independent?: readonly string[];
}

/** Holds the status of each service and answers `grpc.health.v1.Health` from it. */
export interface HealthServer {
  /** Check, Watch and List, for `router.service(Health, health.service)`. */
  readonly service: ServiceImpl<typeof Health>;
  /** The status of a service, of the server as a whole when called without a name; undefined when the name is unknown. */
  get(service?: string): ServingStatus | undefined;
  /**
   * Sets a service's status and tells its watchers; makes the name known if it was not. After `shutdown` ignored, but for
   * independent names.
   */
  set(service: string, status: ServingStatus): void;
  /** Sets the status of every known name, the empty one included, but for independent ones. Ignored after `shutdown`. */
  setAll(status: ServingStatus): void;
  /**
   * Every known name, but for independent ones, becomes NOT_SERVING, for good: later sets are ignored. Watch streams stay
   * open. May be called again.
   */
  shutdown(): void;
  /**
   * `shutdown`, and every Watch stream, those that start later included, ends with UNAVAILABLE once its client was sent
   * the last status, so that draining the server need not wait for watchers, which never leave by themselves.
   */
  close(): void;
}

/** The most services List answers for, as in grpc-go; beyond, the answer could outgrow a client's message limit. */
const maxListedServices = 100;

/**
 * Creates a health service. Nothing serves at first: say `set` or `setAll` when the server is ready.
 *
 * Behaves as https://github.com/grpc/grpc/blob/master/doc/health-checking.md and grpc-go's `health.Server`, except that
 * grpc-go's whole-server status starts as SERVING.
 */
export function createHealth(options: HealthOptions = {}): HealthServer {
  const statuses = new Map<string, ServingStatus>();
  const independent = new Set(options.independent);
  for (const name of ["", ...(options.services ?? []), ...independent]) {
    statuses.set(name, "NOT_SERVING");
  }
  // One broadcast for all names: statuses change a few times in a process' life, and a watcher of another name just
  // finds nothing new.
  const changes = createBroadcast();
  let isShutDown = false;
  let isClosed = false;

  function setAll(status: ServingStatus) {
    if (isShutDown) {
      return;
    }
    for (const name of statuses.keys()) {
      if (!independent.has(name)) {
        statuses.set(name, status);
      }
    }
    changes.notify();
  }

  function shutdown() {
    setAll("NOT_SERVING");
    isShutDown = true;
  }

  return {
    service: {
      check({ service }) {
        const status = statuses.get(service);
        if (status === undefined) {
          throw new ConnectError("unknown service", Code.NotFound);
        }
        return { status: WireStatus[status] };
      },

      // Reads the status when its turn comes and queues nothing: a slow client skips what changed meanwhile.
      async *watch({ service }, { signal }) {
        let sent: WireStatus | undefined;
        while (!signal.aborted) {
          const current = WireStatus[statuses.get(service) ?? "SERVICE_UNKNOWN"];
          if (current !== sent) {
            sent = current;
            yield { status: current };
          } else if (isClosed) {
            throw new ConnectError("the server is shutting down", Code.Unavailable);
          } else {
            await changes.wait(signal);
          }
        }
        throw toConnectError(signal.reason);
      },

      list() {
        if (statuses.size > maxListedServices) {
          throw new ConnectError(
            `server health list exceeds maximum capacity: ${maxListedServices}`,
            Code.ResourceExhausted,
          );
        }
        const entries = [...statuses].map(([name, status]) => [name, { status: WireStatus[status] }]);
        return { statuses: Object.fromEntries(entries) };
      },
    },

    get: (service = "") => statuses.get(service),

    set(service, status) {
      const isFixed = isShutDown && !independent.has(service);
      if (!isFixed && statuses.get(service) !== status) {
        statuses.set(service, status);
        changes.notify();
      }
    },

    setAll,
    shutdown,

    close() {
      shutdown();
      isClosed = true;
      changes.notify();
    },
  };
}

/** Why a call ended early: what the server says (deadline, drain), else the client has left. Foreign texts stay here. */
function toConnectError(reason: unknown): ConnectError {
  return reason instanceof ConnectError ? reason : new ConnectError("the watch was cancelled", Code.Canceled);
}

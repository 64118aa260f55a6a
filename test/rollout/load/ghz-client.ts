import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import {
  CALL_TIMEOUT_MS,
  type ClientReport,
  type Failure,
  type LoadClient,
  type LoadPlan,
  WORKERS,
} from "./load-plan.ts";

/** Of what ghz writes with --format=json: a call. */
interface GhzCall {
  readonly timestamp: string;
  /** Nanoseconds. */
  readonly latency: number;
  readonly error: string;
  readonly status: string;
}

/** Longer than any run: it is stopped by a signal. */
const FOREVER = "1h";
const CONNECTIONS = 2;

/**
 * Calls by gRPC with grpc-go, which has no retry policy here either. ghz knows one method a run, so one process creates
 * users, and another reads one user.
 */
export function startGhz(plan: LoadPlan, userId: string): LoadClient {
  const email = `ghz.${plan.run}.{{.RequestNumber}}@example.com`;
  const writes = runGhz(plan, {
    method: UserService.method.createUser.name,
    data: { user: { email, display_name: "Load" } },
    callsPerSecond: plan.callsPerSecond / 4,
  });
  const reads = runGhz(plan, {
    method: UserService.method.getUser.name,
    data: { id: userId },
    callsPerSecond: (plan.callsPerSecond * 3) / 4,
  });
  return {
    // Told at the end only.
    answered: 0,
    async stop(): Promise<ClientReport> {
      const [written, read] = await Promise.all([writes.stop(), reads.stop()]);
      const calls = [...written, ...read];
      const failures = calls.flatMap(toFailure);
      const createsFailed = written.flatMap(toFailure).length;
      return {
        client: "ghz",
        made: calls.length,
        answered: calls.length - failures.length,
        created: written.length - createsFailed,
        createsFailed,
        failures,
      };
    },
  };
}

interface GhzRun {
  readonly method: string;
  readonly data: object;
  readonly callsPerSecond: number;
}

function runGhz({ ghz, ghzAddress }: LoadPlan, { method, data, callsPerSecond }: GhzRun) {
  const options = {
    call: `${UserService.typeName}.${method}`,
    protoset: ghz.descriptors,
    data: JSON.stringify(data),
    concurrency: WORKERS / 2,
    connections: CONNECTIONS,
    rps: Math.round(callsPerSecond),
    duration: FOREVER,
    // Calls under way when it is stopped are waited for.
    "duration-stop": "wait",
    timeout: `${CALL_TIMEOUT_MS}ms`,
    format: "json",
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(ghz.program, ["--insecure", ...args, ghzAddress], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return {
    async stop(): Promise<readonly GhzCall[]> {
      child.kill("SIGINT");
      const [output, errors] = await ended;
      try {
        return JSON.parse(output).details ?? [];
      } catch {
        throw new Error(`ghz: ${errors || output}`);
      }
    },
  };
}

function toFailure({ timestamp, latency, error, status }: GhzCall): Failure[] {
  if (status === "OK") return [];
  return [{ atMs: Date.parse(timestamp) + latency / 1_000_000, message: `${status}: ${error}` }];
}

import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { expect } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "#api/google/rpc/error_details_pb.ts";
import { UserService } from "#api/user/v1/user_service_pb.ts";
import { createApp } from "#internal/app/user-service/app.ts";
import { loadUserServiceConfig } from "#internal/app/user-service/config.ts";
import { captureLog, type LogLine } from "#internal/pkg/middleware/echo-server.fixture.ts";

/** The real service, with what an operator sees of it. */
export interface ObservedApp {
  readonly users: Client<typeof UserService>;
  /** What it has logged. */
  readonly lines: readonly LogLine[];
  /** The value of a metric now, 0 when it has none; `metric` with its labels, as `/metrics` writes it. */
  metric(metric: string): Promise<number>;
  close(): Promise<void>;
}

/**
 * Starts the user service on a database, and a gRPC client of it. Its limits are longer than a busy machine needs; whoever
 * waits for one to be reached sets it in `env`.
 */
export async function startObservedApp(databaseUrl: string, env: NodeJS.ProcessEnv = {}): Promise<ObservedApp> {
  const config = loadUserServiceConfig({
    APP_ENV: "test",
    PORT: "0",
    ADMIN_PORT: "0",
    DATABASE_URL: databaseUrl,
    USER_SERVICE_HEALTH_INTERVAL_MS: "60000",
    USER_SERVICE_DATABASE_CONNECT_TIMEOUT_MS: "10000",
    USER_SERVICE_DATABASE_STATEMENT_TIMEOUT_MS: "60000",
    USER_SERVICE_DATABASE_LOCK_TIMEOUT_MS: "60000",
    ...env,
  });
  const { logger, lines } = captureLog();
  const app = createApp(config, { logger });
  const { port, adminPort } = await app.start();
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const users = createClient(UserService, createGrpcTransport({ baseUrl, sessionManager }));
  // The first call compiles the rules of its request, which is not what times are measured of.
  await users.listUsers({});
  return {
    users,
    lines,
    async metric(metric) {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      const line = text.split("\n").find((candidate) => candidate.startsWith(`${metric} `));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
    async close() {
      sessionManager.abort();
      await app.close();
    },
  };
}

/** What a call that failed told its caller. */
export interface Told {
  readonly code: keyof typeof Code;
  readonly reason: string | undefined;
  /** RetryInfo's delay, in seconds. */
  readonly retryAfterSeconds: number | undefined;
  readonly ms: number;
}

/** Waits for a call to fail, and insists that nothing of the database leaves. */
export async function failure(calling: Promise<unknown>): Promise<Told> {
  const started = performance.now();
  const error: unknown = await calling.then(
    (answer) => expect.unreachable(`it was answered: ${JSON.stringify(answer)}`),
    (reason) => reason,
  );
  const ms = performance.now() - started;
  if (!(error instanceof ConnectError)) throw error;
  const [info] = error.findDetails(ErrorInfoSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const details = error.details.map((detail) => Buffer.from("type" in detail ? detail.value : []).toString("latin1"));
  expect([error.rawMessage, ...details].join(" ")).not.toMatch(
    /prisma|postgres|pg_|select|insert|users|relation|127\.0\.0\.1|ECONN|socket|P\d{4}|\b\d[\dA-Z]{4}\b/i,
  );
  return {
    code: Code[error.code] as keyof typeof Code,
    reason: info?.reason,
    retryAfterSeconds: retry?.retryDelay && Number(retry.retryDelay.seconds),
    ms,
  };
}

/** Expects the last call's line and its count to say `code`, with the database's word on it in the log. */
export async function expectFaultObserved(app: ObservedApp, rpc: string, code: string, cause: RegExp): Promise<void> {
  const line = app.lines.findLast(({ message, rpc: called }) => message === "call" && String(called).endsWith(rpc));
  expect(line).toMatchObject({ level: "warn", code, cause: expect.stringMatching(cause) });
  const labels = `grpc_type="unary",grpc_service="user.v1.UserService",grpc_method="${rpc}",grpc_code="${code}"`;
  expect(await app.metric(`grpc_server_handled_total{${labels}}`)).toBeGreaterThan(0);
}

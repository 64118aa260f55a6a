import type { ClientOptions } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createRpcServer, type RpcServer } from "../../src/index.ts";
import { connectGrpcJs } from "./grpc-js-client.ts";
import { interopRoutes } from "./interop-service.ts";
import { isMissing, run } from "./required-tool.ts";
import { streamingCases } from "./streaming-cases.ts";
import { unaryCases } from "./unary-cases.ts";

const CLIENT = "grpc-interop-client";
const cases = [...unaryCases, ...streamingCases];

const missing = await isMissing(CLIENT);
let server: RpcServer;
let port: number;

beforeAll(async () => {
  server = createRpcServer({ routes: interopRoutes });
  ({ port } = await server.listen({ port: 0, host: "127.0.0.1" }));
});
afterAll(() => server.close());

function runGoClient(testCase: string, toPort: number, flags: readonly string[] = []) {
  const target = ["-server_host=127.0.0.1", `-server_port=${toPort}`];
  return run(CLIENT, [...target, `-test_case=${testCase}`, ...flags], {
    timeout: 20_000,
    env: { PATH: process.env.PATH, GRPC_GO_LOG_SEVERITY_LEVEL: "error" },
  });
}

describe("grpc-go's interop client passes", () => {
  for (const { name, goFlags } of cases) {
    if (goFlags === "not there") continue;
    test.skipIf(missing)(name, async () => {
      await runGoClient(name, port, goFlags);
    });
  }

  test.skipIf(missing)("no case that a server fails", async () => {
    const empty = createRpcServer({ routes: () => {} });
    onTestFinished(() => empty.close());
    const address = await empty.listen({ port: 0, host: "127.0.0.1" });
    await expect(runGoClient("empty_unary", address.port)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Unimplemented/),
    });
  });
});

describe("grpc-js passes", () => {
  test.each(cases)("$name", async ({ run: runCase }) => {
    const connect = (options?: ClientOptions) => {
      const client = connectGrpcJs(`127.0.0.1:${port}`, options);
      onTestFinished(() => client.close());
      return client;
    };
    await runCase(connect(), connect);
  });
});

import { Code, createContextValues } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createRpcMetrics } from "#internal/pkg/metrics/rpc-metrics.ts";
import { collect, type EchoServer, startEchoServer, streamOf } from "./echo-server.fixture.ts";
import { createMetricsObserver } from "./metrics.ts";

type EchoClient = ReturnType<EchoServer["client"]>;

/** The lines of a scrape, sums and buckets aside, after the calls were made. */
async function scrapeAfter(calls: (client: EchoClient) => Promise<unknown>): Promise<string[]> {
  const registry = new Registry();
  const { client } = await startEchoServer({ observers: [createMetricsObserver(createRpcMetrics(registry))] });
  await calls(client());
  const text = await registry.metrics();
  return text.split("\n").filter((line) => /^grpc_server_/.test(line) && !/_(sum|bucket)\{/.test(line));
}

const of = (kind: string, method: string) =>
  `grpc_type="${kind}",grpc_service="echo.v1.EchoService",grpc_method="${method}"`;

test("a unary call counts as started and handled once, with a message each way, and its time", async () => {
  const labels = of("unary", "Echo");
  await expect(scrapeAfter((client) => client.echo({}))).resolves.toEqual([
    `grpc_server_started_total{${labels}} 1`,
    `grpc_server_handled_total{${labels},grpc_code="OK"} 1`,
    `grpc_server_msg_received_total{${labels}} 1`,
    `grpc_server_msg_sent_total{${labels}} 1`,
    `grpc_server_handling_seconds_count{${labels}} 1`,
  ]);
});

test("a server stream counts each message sent", async () => {
  const labels = of("server_stream", "EchoServerStream");
  await expect(scrapeAfter((client) => collect(client.echoServerStream({ count: 3 })))).resolves.toEqual([
    `grpc_server_started_total{${labels}} 1`,
    `grpc_server_handled_total{${labels},grpc_code="OK"} 1`,
    `grpc_server_msg_received_total{${labels}} 1`,
    `grpc_server_msg_sent_total{${labels}} 3`,
    `grpc_server_handling_seconds_count{${labels}} 1`,
  ]);
});

test("a client stream counts each message received", async () => {
  const labels = of("client_stream", "EchoClientStream");
  await expect(scrapeAfter((client) => client.echoClientStream(streamOf({}, {}, {})))).resolves.toEqual([
    `grpc_server_started_total{${labels}} 1`,
    `grpc_server_handled_total{${labels},grpc_code="OK"} 1`,
    `grpc_server_msg_received_total{${labels}} 3`,
    `grpc_server_msg_sent_total{${labels}} 1`,
    `grpc_server_handling_seconds_count{${labels}} 1`,
  ]);
});

test("a bidirectional stream counts each message of both directions", async () => {
  const labels = of("bidi_stream", "EchoBidiStream");
  await expect(scrapeAfter((client) => collect(client.echoBidiStream(streamOf({}, {}))))).resolves.toEqual([
    `grpc_server_started_total{${labels}} 1`,
    `grpc_server_handled_total{${labels},grpc_code="OK"} 1`,
    `grpc_server_msg_received_total{${labels}} 2`,
    `grpc_server_msg_sent_total{${labels}} 2`,
    `grpc_server_handling_seconds_count{${labels}} 1`,
  ]);
});

test("failures are counted by the name that gRPC gives their code, and timed too", async () => {
  const lines = await scrapeAfter(async (client) => {
    for (const failCode of [Code.NotFound, Code.NotFound, Code.DeadlineExceeded]) {
      await expect(client.echo({ behaviour: { failCode } })).rejects.toMatchObject({ code: failCode });
    }
  });
  const labels = of("unary", "Echo");
  expect(lines).toEqual([
    `grpc_server_started_total{${labels}} 3`,
    `grpc_server_handled_total{${labels},grpc_code="NotFound"} 2`,
    `grpc_server_handled_total{${labels},grpc_code="DeadlineExceeded"} 1`,
    `grpc_server_msg_received_total{${labels}} 3`,
    `grpc_server_msg_sent_total{${labels}} 0`,
    `grpc_server_handling_seconds_count{${labels}} 3`,
  ]);
});

test("the time that is counted is in seconds", async () => {
  const registry = new Registry();
  const metrics = createRpcMetrics(registry);
  const observer = createMetricsObserver(metrics);
  const call = { service: "s", method: "M", kind: "unary", protocol: "grpc", httpVersion: "2", peer: "" } as const;
  const nothing = { header: new Headers(), contextValues: createContextValues() };
  observer.end?.({ ...call, ...nothing, startedMs: performance.now() - 2_000 }, undefined);
  const { values } = await metrics.seconds.get();
  const sum = values.find(({ metricName }) => metricName === "grpc_server_handling_seconds_sum")?.value;
  expect(sum).toBeGreaterThanOrEqual(2);
  expect(sum).toBeLessThan(100);
});

test("calls that reach no method are counted too, under no name that a client could invent", async () => {
  const registry = new Registry();
  const { baseUrl } = await startEchoServer({ observers: [createMetricsObserver(createRpcMetrics(registry))] });
  const headers = { "content-type": "application/json" };
  await fetch(`${baseUrl}/echo.v1.EchoService/Invented`, { method: "POST", headers, body: "{}" });
  await fetch(`${baseUrl}/echo.v1.EchoService/Echo`, { method: "POST", headers, body: "{" });
  const lines = (await registry.metrics()).split("\n").filter((line) => line.startsWith("grpc_server_handled_total{"));
  expect(lines).toEqual([
    'grpc_server_handled_total{grpc_type="unary",grpc_service="unknown",grpc_method="unknown",grpc_code="NotFound"} 1',
    `grpc_server_handled_total{${of("unary", "Echo")},grpc_code="InvalidArgument"} 1`,
  ]);
});

import { createServer as createHttp1Server } from "node:http";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createRpcServer, type RpcServer } from "../../src/index.ts";
import { echoService } from "../echo-service.ts";
import { EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { type H2specResult, h2specSections, runH2spec } from "./h2spec.ts";
import { isMissing } from "./required-tool.ts";

/** A Connect GET: h2spec's cases send what makes sense to any web server, and want a body in return. */
const PATH = `/${EchoService.typeName}/Echo?${new URLSearchParams({
  connect: "v1",
  encoding: "json",
  message: JSON.stringify({ text: "long enough to be sent in parts" }),
})}`;

const missing = await isMissing("h2spec");
const sections = missing ? [] : await h2specSections();

let plain: Http2Server;
let ours: RpcServer;
let oursPort: number;
let resultsOfPlain: H2specResult[];
let resultsOfOurs: H2specResult[];

beforeAll(async () => {
  plain = createServer().on("stream", (stream) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
    stream.end("long enough to be sent in parts");
  });
  ours = createRpcServer({ routes: (router) => router.service(EchoService, echoService) });
  oursPort = (await ours.listen({ port: 0, host: "127.0.0.1" })).port;
  if (missing) return;
  [resultsOfPlain, resultsOfOurs] = await Promise.all([
    runH2spec(await listen(plain), PATH),
    runH2spec(oursPort, PATH),
  ]);
});

afterAll(async () => {
  plain.close();
  await ours.close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** What `plain` passes and `ours` does not. */
function lostCases(plain: H2specResult[], ours: H2specResult[]): H2specResult[] {
  const nameOf = ({ section, title }: H2specResult) => `${section} ${title}`;
  const passed = new Set(plain.filter(({ verdict }) => verdict === "passed").map(nameOf));
  return ours.filter((result) => result.verdict !== "passed" && passed.has(nameOf(result)));
}

describe("what a plain node:http2 server passes of h2spec, ours passes too:", () => {
  test.skipIf(missing).each(sections)("%s", async (section) => {
    const ofSection = (results: H2specResult[]) => results.filter((result) => result.section === section);
    expect(ofSection(resultsOfOurs).map(({ title }) => title)).toEqual(
      ofSection(resultsOfPlain).map(({ title }) => title),
    );
    let lost = lostCases(ofSection(resultsOfPlain), ofSection(resultsOfOurs));
    // Some cases are races that either server may lose: an answer that leaves before the fault has come fails them.
    for (let again = 0; again < 3 && lost.length > 0; again += 1) {
      lost = lostCases(lost.map(asPassed), await runH2spec(oursPort, PATH, section));
    }
    expect(lost).toEqual([]);
  });

  test.skipIf(missing)("all in all", () => {
    process.stderr.write(`h2spec: node:http2 ${summaryOf(resultsOfPlain)}; rpc-server ${summaryOf(resultsOfOurs)}\n`);
    expect(resultsOfPlain.length).toBeGreaterThan(140);
    expect(resultsOfOurs).toHaveLength(resultsOfPlain.length);
  });
});

test.skipIf(missing)("h2spec finds fault with a server that does not speak HTTP/2", async () => {
  const http1 = createHttp1Server();
  onTestFinished(() => void http1.close());
  const results = await runH2spec(await listen(http1), PATH, "generic/1");
  expect(lostCases(results.map(asPassed), results)).toHaveLength(1);
});

function asPassed(result: H2specResult): H2specResult {
  return { ...result, verdict: "passed" };
}

function summaryOf(results: H2specResult[]): string {
  const passed = results.filter(({ verdict }) => verdict === "passed").length;
  return `passes ${passed} of ${results.length}`;
}

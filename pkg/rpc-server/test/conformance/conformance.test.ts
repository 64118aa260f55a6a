import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { type ConformanceCase, featuresOf, STREAM_KINDS } from "./cases.ts";
import { findListFaults } from "./known-failing.ts";
import { describeMatrix, TRANSPORTS } from "./matrix.ts";
import { isRunnerInstalled, KNOWN_FAILING, runSuite, type SuiteRun } from "./run-suite.ts";

const METHOD_KINDS = ["unary", "server_streaming", "client_streaming", "bidi_streaming"] as const;

const isMissing = !(await isRunnerInstalled());
// A developer may do without; a build server may not, or nobody would notice.
if (isMissing && !process.env.CI) process.stderr.write("skipped, as not installed: connectconformance (make tools)\n");

describe.skipIf(isMissing && !process.env.CI)("Connect's conformance suite", () => {
  let run: SuiteRun;

  beforeAll(async () => {
    if (isMissing) throw new Error("connectconformance is not installed: make tools");
    run = await runSuite();
    process.stdout.write(`\n${describeMatrix(run.cases)}\n${summaryOf(run)}\n`);
  }, 180_000);

  // A test for each group, not for each case: cases are one sentence in all combinations of protocol, codec and
  // compression, and thousands of them would hide how many tests there are.
  describe.each(TRANSPORTS)("%s", (transport) => {
    const kinds = STREAM_KINDS.filter((kind) => !(transport.includes("HTTP/1.1") && kind.includes("bidi")));

    it.each(kinds)("passes every %s case", (kind) => {
      const cases = run.cases.filter(({ name }) => isOf(name, transport, kind));
      expect(cases.length).toBeGreaterThan(0);
      expect(failuresOf(cases)).toEqual([]);
    });
  });

  it("has no case beyond these groups", () => {
    const others = run.cases.filter(({ name }) => !TRANSPORTS.includes(featuresOf(name).transport));
    expect(others).toEqual([]);
  });

  it("runs the cases that are written down in matrix.md", async () => {
    await expect(describeMatrix(run.cases)).toMatchFileSnapshot("matrix.md");
  });

  it.each(METHOD_KINDS)("hands no %s call to connect-es's protocol handlers", (kind) => {
    expect(connectEsCallsOf(run, kind)).toBe(0);
  });

  it("tells onError nothing", () => {
    expect(run.servers.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it("knows why each case fails that is known to fail, and of no unary one", async () => {
    expect(findListFaults(await readFile(KNOWN_FAILING, "utf8"), run.cases)).toEqual([]);
  });
});

describe("the list of cases that are known to fail", () => {
  const name = (ending: string) => `Basic/HTTPVersion:1/Protocol:PROTOCOL_CONNECT/TLS:false/${ending}`;

  it.each([
    ["**/server-stream/success", "no comment with stream kind and reason above: **/server-stream/success"],
    ["# server stream\n**/a", "no comment with stream kind and reason above: **/a"],
    ["# server stream: slow\n\n**/a", "no comment with stream kind and reason above: **/a"],
  ])("needs a comment above each pattern, unlike %j", (list, fault) => {
    expect(findListFaults(list, [])).toEqual([fault]);
  });

  it("may cover streams, and no unary case", () => {
    const known = (ending: string): ConformanceCase => ({ name: name(ending), outcome: "known", reason: "slow" });
    const list = "# server stream, client stream: slow\n**/success\n";
    expect(findListFaults(list, [known("server-stream/success")])).toEqual([]);
    expect(findListFaults(list, [known("unary/success")])).toEqual([`unary, and must pass: ${name("unary/success")}`]);
  });
});

function isOf(name: string, transport: string, kind: string): boolean {
  const features = featuresOf(name);
  return features.transport === transport && features.kind === kind;
}

/** One line each, and not all when there are very many. */
function failuresOf(cases: readonly ConformanceCase[]): string[] {
  const failures = cases.filter(({ outcome }) => outcome === "failed").map(({ name, reason }) => `${name}: ${reason}`);
  return failures.length > 20 ? [...failures.slice(0, 20), `and ${failures.length - 20} more`] : failures;
}

function connectEsCallsOf({ servers }: SuiteRun, kind: keyof SuiteRun["servers"][number]["connectEsCalls"]): number {
  return servers.reduce((sum, { connectEsCalls }) => sum + connectEsCalls[kind], 0);
}

function summaryOf(run: SuiteRun): string {
  const count = (outcome: ConformanceCase["outcome"]) => run.cases.filter((one) => one.outcome === outcome).length;
  const calls = METHOD_KINDS.map((kind) => `${kind} ${connectEsCallsOf(run, kind)}`).join(", ");
  return `conformance: ${count("passed")} passed, ${count("failed")} failed, ${count("known")} known to fail in ${run.seconds.toFixed(1)} s
handed to connect-es's protocol handlers: ${calls}`;
}

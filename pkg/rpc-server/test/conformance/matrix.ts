import { type CaseFeatures, type ConformanceCase, featuresOf, STREAM_KINDS } from "./cases.ts";

/** Protocol, HTTP version and client, as in CaseFeatures, in the order of the tables. */
export const TRANSPORTS: readonly string[] = [
  "Connect, HTTP/1.1",
  "Connect, HTTP/2",
  "gRPC, HTTP/2",
  "gRPC, HTTP/2, grpc-go's client",
  "gRPC-Web, HTTP/1.1",
  "gRPC-Web, HTTP/2",
];

/** Which cases ran, as Markdown. A case that was known to fail and did so is counted after a plus. */
export function describeMatrix(cases: readonly ConformanceCase[]): string {
  const described = cases.map(({ name, outcome }) => ({ ...featuresOf(name), known: outcome === "known" }));
  const known = described.filter((one) => one.known).length;
  const topics = [...new Set(described.map(({ topic }) => topic))].sort();
  return `# What the conformance suite asks of the server

Connect's conformance suite (connectrpc.com/conformance 1.0.6) plays ${cases.length} cases; ${known} of them are known to fail
(\`known-failing.txt\`). Written by \`make test-conformance TEST_FLAGS=-u\` from what ran, and compared with what runs.

${table("stream kind", STREAM_KINDS, described, ({ kind }) => kind)}
${table("codec", ["proto", "json", "as the case has it"], described, ({ codec = "as the case has it" }) => codec)}
${table(
  "compression",
  ["identity", "gzip", "br", "deflate", "zstd", "as the case has it"],
  described,
  ({ compression = "as the case has it" }) => compression,
)}
${table("suite", topics, described, ({ topic }) => topic)}`;
}

type Described = CaseFeatures & { readonly known: boolean };

/** One row for each value of a feature, one column for each transport. */
function table(
  feature: string,
  values: readonly string[],
  cases: readonly Described[],
  read: (one: Described) => string,
): string {
  const rows = values.map((value) => {
    const ofValue = cases.filter((one) => read(one) === value);
    return [value, ...TRANSPORTS.map((transport) => cell(ofValue.filter((one) => one.transport === transport)))];
  });
  const totals = TRANSPORTS.map((transport) => cell(cases.filter((one) => one.transport === transport)));
  const lines = [[feature, ...TRANSPORTS], ["---", ...TRANSPORTS.map(() => "--:")], ...rows, ["all", ...totals]];
  return lines.map((line) => `| ${line.join(" | ")} |\n`).join("");
}

function cell(cases: readonly Described[]): string {
  const known = cases.filter((one) => one.known).length;
  const passing = cases.length - known;
  return known === 0 ? String(passing || "–") : `${passing} + ${known}`;
}

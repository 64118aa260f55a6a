import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./required-tool.ts";

/** The titles of h2spec's three parts, and what it calls them elsewhere. */
const PARTS = { Generic: "generic", Hypertext: "http2", HPACK: "hpack" } as const;

/** How one case went. */
export interface H2specResult {
  /** As h2spec takes it: `http2/6.9.1`. */
  readonly section: string;
  readonly title: string;
  readonly verdict: "passed" | "failed" | "skipped";
  /** What was expected, and what came. Empty when it passed. */
  readonly detail: string;
}

/** The sections that have cases, by h2spec's own listing. */
export async function h2specSections(): Promise<string[]> {
  const { stdout } = await run("h2spec", ["--dryrun"]);
  const sections = new Set<string>();
  let part = "";
  let section = "";
  for (const line of stdout.split("\n")) {
    const [, title] = /^(\w+)/.exec(line) ?? [];
    if (title !== undefined) part = PARTS[title as keyof typeof PARTS];
    section = /^ +([\d.]+)\. /.exec(line)?.[1] ?? section;
    if (/^ +\d+: /.test(line)) sections.add(`${part}/${section}`);
  }
  return [...sections];
}

/** Runs h2spec, all of it or one section, against a server on 127.0.0.1 that answers `path` with a body. */
export async function runH2spec(port: number, path: string, section?: string): Promise<H2specResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "h2spec-"));
  const report = join(folder, "junit.xml");
  try {
    const flags = ["--host", "127.0.0.1", "--port", String(port), "--path", path, "--junit-report", report];
    // It ends with 1 when a case failed; the report says which. Without a report, reading it fails.
    await run("h2spec", section === undefined ? flags : [...flags, section]).catch(() => undefined);
    // Not XML in truth: it holds the control characters that a server has sent.
    return parseReport(await readFile(report, "latin1"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function parseReport(report: string): H2specResult[] {
  const cases = report.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs);
  return Array.from(cases, ([, section = "", title = "", content = ""]) => {
    const [, element, detail = ""] = /<(\w+)>(.*)<\/\1>/s.exec(content) ?? [];
    const verdict = element === undefined ? "passed" : element === "skipped" ? "skipped" : "failed";
    return { section, title, verdict, detail };
  });
}

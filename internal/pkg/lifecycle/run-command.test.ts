import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { commands } from "./run-command.fixture.ts";
import { runCommand } from "./run-command.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the fixture as a process. */
function runProcess(args: readonly string[]): Promise<Outcome> {
  const fixture = join(import.meta.dirname, "run-command.fixture.ts");
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [fixture, ...args], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

/** Runs a command in this process, which is kept from ending. */
async function runHere(args: readonly string[]): Promise<Outcome> {
  const written = { stdout: "", stderr: "" };
  const writeTo = (name: keyof typeof written) => (text: unknown) => {
    written[name] += text;
    return true;
  };
  let code = 0;
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(writeTo("stdout")),
    vi.spyOn(process.stderr, "write").mockImplementation(writeTo("stderr")),
    vi.spyOn(process, "exit").mockImplementation((status) => {
      code = Number(status);
      return undefined as never;
    }),
  ];
  const { exitCode } = process;
  try {
    await runCommand("fixture", commands, [...args]);
    code ||= Number(process.exitCode ?? 0);
  } finally {
    process.exitCode = exitCode;
    for (const spy of spies) spy.mockRestore();
  }
  return { code, ...written };
}

const USAGE =
  /^usage: fixture \[succeed \| misconfigured \| unmigrated \| unreached \| portRefused \| portInUse \| crash \| throwText \| throwBareError\] \[--option=value \.\.\.\]\n$/;

describe.each([
  { where: "as a process of its own", run: runProcess },
  { where: "called", run: runHere },
])("$where", ({ run }) => {
  test.each([[["succeed"]], [[]]])("a command that succeeds exits with 0; %j runs the first", async (args) => {
    await expect(run(args)).resolves.toEqual({ code: 0, stdout: "succeeded\n", stderr: "" });
  });

  test.each([
    [["succeed", "--port=1", "more"], "succeeded --port=1 more\n"],
    [["--port=1", "more"], "succeeded --port=1 more\n"],
  ])("the command gets the arguments after its name; %j run the first", async (args, stdout) => {
    await expect(run(args)).resolves.toEqual({ code: 0, stdout, stderr: "" });
  });

  test.each([[["no-such-command"]], [["toString"]], [["__proto__"]], [[""]]])(
    "%j exits with 64 (usage) and prints the commands, none of which ran",
    async (args) => {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
      expect(stderr).toMatch(USAGE);
    },
  );

  test.each([[["-h"]], [["misconfigured", "--help"]]])("%j prints the commands and runs none", async (args) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(USAGE);
  });

  test("a wrong configuration exits with 78 and prints what is wrong, without a stack", async () => {
    await expect(run(["misconfigured"])).resolves.toEqual({
      code: 78,
      stdout: "",
      stderr: "fixture: wrong:\n  port (PORT): must be a port number\n  logLevel (LOG_LEVEL): must be a word\n",
    });
  });

  test("a database that cannot be migrated exits with 65 and prints why, without a stack", async () => {
    await expect(run(["unmigrated"])).resolves.toEqual({
      code: 65,
      stdout: "",
      stderr: "fixture: the database is behind\n",
    });
  });

  test("an error that brings its exit code exits with that, and prints its line", async () => {
    await expect(run(["unreached"])).resolves.toEqual({
      code: 69,
      stdout: "",
      stderr: "fixture: the database does not answer\n",
    });
  });

  test("an address that cannot be listened on exits with 71 and prints why, without a stack", async () => {
    const { code, stderr } = await run(["portRefused"]);
    expect(code).toBe(71);
    expect(stderr).toMatch(/^fixture: listen E[A-Z]+: .* 192\.0\.2\.1\n$/);
  });

  test("a port in use exits with 71 and prints which, and which variables choose another", async () => {
    const { code, stderr } = await run(["portInUse"]);
    expect(code).toBe(71);
    expect(stderr).toMatch(/^fixture: port [1-9]\d* is in use; .*\(PORT, ADMIN_PORT\)\n$/);
  });

  test("a defect exits with 70 and prints its stack", async () => {
    const { code, stderr } = await run(["crash"]);
    expect(code).toBe(70);
    expect(stderr).toMatch(/^fixture: TypeError: a defect\n {4}at .*run-command\.fixture\.ts/);
  });

  test.each([
    ["throwText", "a text"],
    ["throwBareError", "without a stack"],
  ])("%s exits with 70 and prints what there is", async (command, text) => {
    await expect(run([command])).resolves.toEqual({ code: 70, stdout: "", stderr: `fixture: ${text}\n` });
  });
});

test("without arguments of its own it takes the process's", async () => {
  const { argv } = process;
  process.argv = ["node", "main.ts", "second"];
  onTestFinished(() => {
    process.argv = argv;
  });
  const second = vi.fn(async () => {});
  await runCommand("fixture", { first: async () => expect.unreachable(), second });
  expect(second).toHaveBeenCalledOnce();
});

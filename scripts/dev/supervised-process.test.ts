import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually, processesWith } from "./processes-for-tests.ts";
import { type SignalName, superviseProcess } from "./supervised-process.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "supervised-"));
});

afterEach(async () => {
  for (const { pid } of processesWith(folder)) process.kill(pid, "SIGKILL");
  await rm(folder, { recursive: true });
});

function shell(script: string, finalSignal: SignalName = "TERM") {
  return superviseProcess(["/bin/sh", "-c", script, folder], {
    cwd: folder,
    env: process.env,
    output: "inherit",
    finalSignal,
    finalGraceSeconds: 0.3,
  });
}

const noneLeft = () => eventually("no process is left", () => processesWith(folder).length === 0);
const fileExists = (name: string) =>
  readFile(path.join(folder, name)).then(
    () => true,
    () => false,
  );

test("resolves with the exit code and leaves no process behind", async () => {
  expect(await shell("exit 7").exited).toBe(7);
  await noneLeft();
});

test("resolves with 127 when the command does not exist", async () => {
  const missing = superviseProcess(["/nonexistent"], {
    cwd: "/nonexistent",
    env: {},
    output: "inherit",
    finalSignal: "TERM",
    finalGraceSeconds: 0.3,
  });
  expect(await missing.exited).toBe(127);
});

test("delivers every signal to the command, once", async () => {
  const command = shell(
    `trap 'echo int >> signals' INT; trap 'echo term >> signals; exit 3' TERM
     touch ready; while :; do sleep 0.02; done`,
  );
  await eventually("the command runs", () => fileExists("ready"));
  command.signal("TERM");
  expect(await command.exited).toBe(3);
  expect(await readFile(path.join(folder, "signals"), "utf8")).toBe("term\n");
  command.signal("TERM"); // too late, and no error
  await noneLeft();
});

test("tells a signal's end from an exit", async () => {
  const command = shell("touch ready; while :; do sleep 0.02; done");
  await eventually("the command runs", () => fileExists("ready"));
  command.signal("KILL");
  expect(await command.exited).toBe(137);
  await noneLeft();
});

test("ends the command when somebody kills the supervising shell", async () => {
  const command = shell("trap 'touch ended; exit' TERM; touch ready; while :; do sleep 0.02; done");
  await eventually("the command runs", () => fileExists("ready"));
  const [supervisor] = processesWith(`supervisor TERM 3 /bin/sh -c trap`).filter(({ args }) => args.includes(folder));
  process.kill(supervisor?.pid ?? Number.NaN, "SIGKILL");
  expect(await command.exited).toBe(137);
  await noneLeft();
  expect(await fileExists("ended")).toBe(true);
});

test.for([
  { behaviour: "that drains", trap: "trap 'touch ended; exit' TERM", drained: true },
  { behaviour: "that ignores it", trap: "trap '' TERM", drained: false },
])("ends a command $behaviour when its launcher is killed", async ({ trap, drained }) => {
  const script = `${trap}; touch ready; while :; do sleep 0.02; done`;
  await writeFile(
    path.join(folder, "launcher.mjs"),
    `import { superviseProcess } from ${JSON.stringify(new URL("./supervised-process.ts", import.meta.url).href)};
     superviseProcess(["/bin/sh", "-c", ${JSON.stringify(script)}, ${JSON.stringify(folder)}],
       { cwd: ${JSON.stringify(folder)}, env: process.env, output: "inherit", finalSignal: "TERM", finalGraceSeconds: 0.3 });`,
  );
  const launcher = spawn(process.execPath, [path.join(folder, "launcher.mjs")], { stdio: "ignore" });
  await eventually("the command runs", () => fileExists("ready"));
  launcher.kill("SIGKILL");
  await once(launcher, "exit");
  await noneLeft();
  expect(await fileExists("ended")).toBe(drained);
});

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { runUntilSignal } from "../src/run-until-signal.ts";

// Says each step on standard output. The arguments say how it starts, how it closes, and what goes wrong meanwhile.
const [, , start, close, trouble] = process.argv;
const say = (step: string) => process.stdout.write(`${step}\n`);
// As a listening socket does, this keeps the process from ending by itself.
setInterval(() => {}, 60_000);

if (trouble === "exception") {
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => say(`heard ${signal}`));
}

function getIntoTrouble(): void {
  if (trouble === "exception") setTimeout(() => throwError("nobody catches this"));
  if (trouble === "rejection") void Promise.reject(new Error("nobody awaits this"));
  if (trouble === "flood") for (let i = 0; i < 100; i += 1) void Promise.reject(new Error("one of many"));
}

function throwError(message: string): never {
  throw new Error(message);
}

await runUntilSignal({
  closeTimeoutMs: close === "never" ? 100 : 5_000,
  async start(signal) {
    say("starting");
    if (start === "when-told") await once(process.stdin, "data");
    if (start === "until-aborted") await sleep(60_000, undefined, { signal }).catch(() => signal.throwIfAborted());
    if (start === "fails") throw new Error("cannot start");
    if (start === "troubled") {
      getIntoTrouble();
      await once(signal, "abort");
    }
    say("started");
    if (start === "at-once") getIntoTrouble();
  },
  async close() {
    say("closing");
    if (close === "never") await new Promise(() => {});
    if (close === "when-told") await once(process.stdin, "data");
    if (close === "fails") throw new Error("cannot close");
    if (close === "troubled") {
      void Promise.reject(new Error("while it closes"));
      await sleep(20);
    }
    say("closed");
  },
  onFatal(message, error) {
    if (trouble === "unreported") throw new Error("the log is gone");
    say(`fatal: ${message}: ${error}`);
  },
}).catch((error: unknown) => {
  say(`failed: ${error}`);
  process.exit(1);
});
say("never reached");

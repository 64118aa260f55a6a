import { once } from "node:events";
import { runUntilSignal } from "./run-until-signal.ts";

// Says each step on standard output. The first argument is how it starts, the second how it closes.
const [, , start, close] = process.argv;
const say = (step: string) => process.stdout.write(`${step}\n`);
// As a listening socket does, this keeps the process from ending by itself.
const work = setInterval(() => {}, 60_000);

await runUntilSignal({
  async start() {
    say("starting");
    if (start === "when-told") await once(process.stdin, "data");
    if (start === "fails") throw new Error("cannot start");
    say("started");
  },
  async close() {
    say("closing");
    if (close === "never") await new Promise(() => {});
    clearInterval(work);
    say("closed");
  },
}).finally(() => process.stdin.destroy());
say("done");

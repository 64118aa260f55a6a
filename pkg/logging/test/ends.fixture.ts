import { createLogger } from "../src/index.ts";

// Logs as many lines as the second argument says and ends in the way that the first one names.
const [way = "", count = "0"] = process.argv.slice(2);
const logger = createLogger({ service: "s", version: "1" });
const later = () => new Promise((resolve) => setImmediate(resolve));

function logAll(): void {
  for (let i = 0; i < Number(count); i += 1) logger.info(String(i));
}

const WAYS: Readonly<Record<string, () => unknown>> = {
  "by itself": logAll,
  "by process.exit"() {
    logAll();
    process.exit(7);
  },
  "by process.exit, before the first turn is over, with a long delay"() {
    const slow = createLogger({ service: "s", version: "1", output: { maxDelayMs: 60_000 } });
    for (let i = 0; i < Number(count); i += 1) slow.info(String(i));
    process.exit(7);
  },
  "by an uncaught exception"() {
    logAll();
    throw new Error("uncaught");
  },
  "by an unhandled rejection"() {
    logAll();
    Promise.reject(new Error("unhandled"));
  },
  "by a listener of exit that logs"() {
    process.on("exit", logAll);
  },
  "by SIGTERM, handled"() {
    logAll();
    process.once("SIGTERM", () => process.exit(7));
    process.kill(process.pid, "SIGTERM");
    setInterval(() => {}, 1_000);
  },
  async "by SIGKILL, a turn later"() {
    logAll();
    await later();
    process.kill(process.pid, "SIGKILL");
  },
  async "by itself, over a pipe that does not block"() {
    // Node makes the pipe of standard output non-blocking when it is first touched, which a package of winston's does too.
    process.stdout.write("");
    logAll();
  },
  async "never, until standard input says so"() {
    process.stdin.once("data", () => {
      logAll();
      process.stdin.destroy();
    });
  },
};

await WAYS[way]?.();

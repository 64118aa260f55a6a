import { AsyncLocalStorage } from "node:async_hooks";
import { writeSync } from "node:fs";
import winston from "winston";
import { createLogger } from "../src/index.ts";

// Logs access lines to standard output in the way that the first argument names, and says on standard error how many
// microseconds of CPU each took. Lines come as a server's do: some in each turn of the event loop.
const [way = "", turns = "4000", inTurn = "25"] = process.argv.slice(2);
const storage = new AsyncLocalStorage<{ requestId: string }>();

type Log = (message: string, fields: Record<string, unknown>) => void;

const { combine, json, timestamp } = winston.format;
const context = winston.format((info) => Object.assign(info, storage.getStore()));
const stock = (transport: winston.transport): Log => {
  const format = combine(context(), timestamp(), json());
  const defaultMeta = { service: "bench", version: "1.2.3" };
  const logger = winston.createLogger({ defaultMeta, format, transports: [transport] });
  return (message, fields) => void logger.log("info", message, fields);
};

const WAYS: Readonly<Record<string, () => Log>> = {
  nothing: () => () => {},
  ours() {
    const logger = createLogger({ service: "bench", version: "1.2.3", context: () => storage.getStore() });
    return (message, fields) => void logger.log("info", message, fields);
  },
  "winston, Console": () => stock(new winston.transports.Console()),
  "winston, Stream": () => stock(new winston.transports.Stream({ stream: process.stdout, eol: "\n" })),
  "plain write": () => (message, fields) => {
    const head = { timestamp: new Date().toISOString(), level: "info", message, service: "bench", version: "1.2.3" };
    writeSync(1, `${JSON.stringify({ ...head, ...storage.getStore(), ...fields })}\n`);
  },
};

const log = WAYS[way]?.();
if (!log) throw new Error(`the ways are ${Object.keys(WAYS).join(", ")}`);

let count = 0;
async function play(times: number): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    for (let i = 0; i < Number(inTurn); i += 1) {
      count += 1;
      const requestId = `01990c5c-5d6e-7a1b-8c2d-${String(count).padStart(12, "0")}`;
      storage.run({ requestId }, () =>
        log?.("call", {
          rpc: "user.v1.UserService/GetUser",
          protocol: "grpc",
          code: "OK",
          durationMs: (count % 10_000) / 1_000,
        }),
      );
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await play(Number(turns) / 4);
const before = process.cpuUsage();
await play(Number(turns));
const { user, system } = process.cpuUsage(before);
process.stderr.write(`${(user + system) / (Number(turns) * Number(inTurn))}\n`);

import { once } from "node:events";
import { createServer } from "node:net";
import { ConfigError } from "@grpc-service-template/config";
import { MigrationError } from "@grpc-service-template/prisma-migrations";
import { EXIT, ExitError } from "@grpc-service-template/service-lifecycle";
import { runCommand } from "./run-command.ts";

/** Commands that end in every way there is. Run as a program, it is called `fixture`. */
export const commands = {
  async succeed(args: readonly string[]) {
    process.stdout.write(`succeeded${args.map((arg) => ` ${arg}`).join("")}\n`);
  },
  async misconfigured() {
    throw new ConfigError("wrong", ["port (PORT): must be a port number", "logLevel (LOG_LEVEL): must be a word"]);
  },
  async unmigrated() {
    throw new MigrationError("pending", "the database is behind");
  },
  async unreached() {
    throw new ExitError("the database does not answer", EXIT.unavailable);
  },
  async portRefused() {
    await once(createServer().listen(0, "192.0.2.1"), "listening");
  },
  async portInUse() {
    const [first, second] = [createServer(), createServer()];
    await once(first.listen(0, "127.0.0.1"), "listening");
    const address = first.address();
    try {
      await once(second.listen(address), "listening");
    } finally {
      first.close();
    }
  },
  async crash() {
    throw new TypeError("a defect");
  },
  async throwText() {
    throw "a text";
  },
  async throwBareError() {
    throw Object.assign(new Error("without a stack"), { stack: undefined });
  },
};

if (import.meta.main) await runCommand("fixture", commands);

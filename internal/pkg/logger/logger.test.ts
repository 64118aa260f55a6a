import { Writable } from "node:stream";
import { expect, test } from "vitest";
import winston from "winston";
import { runInRequestContext } from "#internal/pkg/call/request-context.ts";
import { createLogger } from "./logger.ts";

test("a line on behalf of a request carries its id, any other none", () => {
  let output = "";
  const stream = new Writable({
    write(line, _encoding, done) {
      output += line;
      done();
    },
  });
  const logger = createLogger({ level: "info", format: "json", service: "s", version: "1" });
  logger.clear().add(new winston.transports.Stream({ stream, eol: "\n" }));
  logger.info("before");
  runInRequestContext({ requestId: "r-1" }, () => logger.info("within"));
  const [before, within] = output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(before).toMatchObject({ message: "before", service: "s", version: "1" });
  expect(before).not.toHaveProperty("requestId");
  expect(within).toMatchObject({ message: "within", requestId: "r-1" });
});

import { Writable } from "node:stream";
import winston from "winston";
import { createLogger, type LoggerOptions } from "../src/index.ts";

/** A logger whose lines are kept. */
export function capture(options: Partial<LoggerOptions> = {}): {
  logger: winston.Logger;
  /** All that was written. */
  output: () => string;
  /** What was written last. */
  last: () => string;
} {
  const written: string[] = [];
  const stream = new Writable({
    write(line, _encoding, done) {
      written.push(String(line));
      done();
    },
  });
  const logger = createLogger({ service: "s", version: "1", ...options });
  logger.clear().add(new winston.transports.Stream({ stream, eol: "\n" }));
  return { logger, output: () => written.join(""), last: () => written.at(-1) ?? "" };
}

import winston from "winston";
import { currentRequestContext } from "#internal/pkg/call/request-context.ts";

export type Logger = winston.Logger;

export interface LoggerOptions {
  /** The least severe level that is written: error, warn, info or debug. */
  readonly level: string;
  /** `json`: a JSON object a line, for machines. `pretty`: text, coloured on a terminal unless NO_COLOR is set. */
  readonly format: "json" | "pretty";
  /** Stands in every line. */
  readonly service: string;
  /** Stands in every line. */
  readonly version: string;
}

/** A logger that writes to standard output. Lines written on behalf of a request carry its id. */
export function createLogger({ level, format, service, version }: LoggerOptions): Logger {
  const { combine, errors, json, timestamp } = winston.format;
  const layout = format === "json" ? json({ replacer: errorAsText }) : pretty();
  return winston.createLogger({
    level,
    defaultMeta: { service, version },
    format: combine(errors({ stack: true }), timestamp(), requestId(), layout),
    transports: [new winston.transports.Console()],
  });
}

const requestId = winston.format((info) => {
  const context = currentRequestContext();
  if (context) info.requestId = context.requestId;
  return info;
});

const pretty = () =>
  winston.format.combine(
    process.stdout.isTTY && !process.env.NO_COLOR ? winston.format.colorize() : winston.format.uncolorize(),
    winston.format.printf(({ timestamp, level, message, service: _service, version: _version, stack, ...fields }) => {
      const facts = Object.entries(fields).map(([key, value]) => `${key}=${printable(value)}`);
      const line = [String(timestamp).slice(11, 23), level, message, ...facts].join(" ");
      return stack === undefined ? line : `${line}\n${stack}`;
    }),
  );

function printable(value: unknown): string {
  const text = errorAsText("", value);
  return typeof text === "string" ? text : JSON.stringify(text);
}

/** JSON has nothing for errors; this has their stacks and causes. Their other properties can hold secrets: a pool's, its clients. */
function errorAsText(_key: string, value: unknown): unknown {
  return value instanceof Error ? stackOf(value) : value;
}

function stackOf(error: Error): string {
  const code = "code" in error ? ` [${error.code}]` : "";
  const causes = [error.cause ?? [], error instanceof AggregateError ? error.errors : []].flat();
  const causedBy = causes.map((cause) => `\ncaused by: ${cause instanceof Error ? stackOf(cause) : cause}`);
  return `${error.stack ?? error}${code}${causedBy.join("")}`;
}

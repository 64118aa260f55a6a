import { isatty } from "node:tty";
import winston from "winston";
import { BatchTransport, type BatchTransportOptions } from "./batch-transport.ts";
import { errorText, isError } from "./error-text.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { createLineFormat, type LineFormat } from "./line-format.ts";
import { createSecretKeys } from "./secret-keys.ts";

/** The levels that lines have, the most severe first. */
export const LEVELS = ["error", "warn", "info", "debug"] as const;

export type Level = (typeof LEVELS)[number];

export interface LoggerOptions {
  /** The least severe level that is written. The default is info. `logger.level = …` changes it at any time. */
  readonly level?: Level;
  /** `json`, the default: a JSON object a line, for machines. `pretty`: text for a terminal. */
  readonly format?: "json" | "pretty";
  /** Whether pretty levels are coloured. The default: when the output is a terminal, unless NO_COLOR is set. */
  readonly colors?: boolean;
  /** Stands in every line of JSON. */
  readonly service: string;
  /** Stands in every line of JSON. */
  readonly version: string;
  /** Gives what else stands in each line at the time it is logged, such as the request's id. */
  readonly context?: () => object | undefined;
  /** Further keys whose values are secrets, besides `SECRET_KEYS`. */
  readonly secretKeys?: readonly string[];
  /** What differs from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<Limits>;
  /** Where lines go and when: `BatchTransport`'s options. */
  readonly output?: BatchTransportOptions;
}

/**
 * A winston logger whose lines are made in one pass, with secrets and e-mail addresses masked, and written in batches to
 * standard output. Logging never throws, whatever is logged.
 */
export function createLogger(options: LoggerOptions): winston.Logger {
  const { level = "info", format = "json", service, version, output, context = () => undefined } = options;
  const colors = options.colors ?? (isatty(output?.fd ?? 1) && !process.env.NO_COLOR);
  const onLost = (lines: number, reason: string) => logger.warn("log lines were lost", { lines, reason });
  const transport = new BatchTransport({ onLost, ...output });
  const lineFormat = createLineFormat({
    layout: format,
    colors,
    fixed: { service, version },
    context,
    isSecretKey: createSecretKeys(options.secretKeys ?? []),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    isEnabled: (each) => logger.isLevelEnabled(each),
  });
  const logger = winston.createLogger({ level, format: lineFormat, transports: [transport] });
  shorten(logger, lineFormat, transport);
  guard(logger);
  return logger;
}

/**
 * Has a message with plain fields written without a detour through winston's streams, which copies the fields and takes
 * longer than the line itself. Only while nothing but the transport could see it there.
 */
function shorten(logger: winston.Logger, lineFormat: LineFormat, transport: BatchTransport): void {
  const log = logger.log as Log;
  const isOnlyReader = () => {
    const [first, ...others] = logger.transports;
    return first === transport && others.length === 0 && logger.listenerCount("data") === 1;
  };
  const isPlain = () =>
    logger.format === lineFormat &&
    logger.writable &&
    !(logger.silent || transport.silent || logger.defaultMeta) &&
    transport.format === undefined &&
    isOnlyReader();

  logger.log = function shortened(this: winston.Logger, ...args: unknown[]): winston.Logger {
    const [level, message, fields] = args;
    // A child has fields of its own.
    const isShort = this === logger && args.length === 3 && typeof level === "string" && typeof message === "string";
    if (!isShort || !hasPlainFields(fields) || !isPlain()) return log.apply(this, args);
    if (logger.isLevelEnabled(level)) transport.writeLine(level, lineFormat.line(level, message, fields));
    return logger;
  } as winston.LogMethod;
}

/** Not an error, and nothing that winston adds to the message. */
function hasPlainFields(fields: unknown): fields is object {
  if (typeof fields !== "object" || fields === null) return false;
  if ("message" in fields || "stack" in fields) return false;
  const prototype: unknown = Object.getPrototypeOf(fields);
  return prototype === Object.prototype || prototype === null;
}

/** winston copies the fields itself: a getter among them that throws must cost its line's fields only. */
function guard(logger: winston.Logger): void {
  const log = logger.log as Log;
  logger.log = function guarded(this: winston.Logger, ...args: unknown[]): winston.Logger {
    try {
      return log.apply(this, args);
    } catch {
      return log.call(this, args[0], textOf(args[1]), { fields: "[unreadable]" });
    }
  } as winston.LogMethod;
  for (const level of LEVELS) {
    const logAtLevel = logger[level] as Log;
    logger[level] = function guarded(this: winston.Logger, ...args: unknown[]): winston.Logger {
      try {
        return logAtLevel.apply(this, args);
      } catch {
        return log.call(this, level, textOf(args[0]), { fields: "[unreadable]" });
      }
    } as winston.LeveledLogMethod;
  }
}

type Log = (this: winston.Logger, ...args: unknown[]) => winston.Logger;

function textOf(message: unknown): string {
  try {
    return isError(message) ? errorText(message) : String(message);
  } catch {
    return "[unreadable]";
  }
}

/** Resolves when everything logged so far is written by the logger's batch transports. */
export async function flush(logger: winston.Logger): Promise<void> {
  await Promise.all(logger.transports.map((each) => (each instanceof BatchTransport ? each.flush() : undefined)));
}

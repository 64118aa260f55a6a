import { createLogger as createLibraryLogger, type LoggerOptions } from "@grpc-service-template/logging";
import type winston from "winston";
import { currentRequestContext } from "#internal/pkg/call/request-context.ts";

export type Logger = winston.Logger;

/** A logger that writes to standard output. Lines written on behalf of a request carry its id. */
export function createLogger(options: Omit<LoggerOptions, "context">): Logger {
  return createLibraryLogger({ ...options, context: currentRequestContext });
}

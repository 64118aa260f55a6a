import { createLogger as createLibraryLogger, type LoggerOptions } from "@grpc-service-template/logging";
import type winston from "winston";
import { currentRequestContext } from "#internal/pkg/call/request-context.ts";

export type Logger = winston.Logger;

/** Fields that hold personal data: masked as secrets are. E-mail addresses are masked wherever they stand. */
const PERSONAL_KEYS = ["email", "displayName", "phone"];

/** A logger that writes to standard output. Lines written on behalf of a request carry its id. */
export function createLogger(options: Omit<LoggerOptions, "context">): Logger {
  return createLibraryLogger({ ...options, context: currentRequestContext, secretKeys: PERSONAL_KEYS });
}

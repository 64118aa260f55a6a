export { BatchTransport, type BatchTransportOptions } from "./batch-transport.ts";
export { createLogger, flush, LEVELS, type Level, type LoggerOptions } from "./create-logger.ts";
export { errorText } from "./error-text.ts";
export { DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { redactText } from "./redact-text.ts";
export { SECRET_KEYS } from "./secret-keys.ts";

import { runInRequestContext } from "#internal/pkg/call/request-context.ts";
import { createLogger } from "./logger.ts";

// Logs a line of each kind in the format that the argument names.
const format = process.argv[2] === "pretty" ? "pretty" : "json";
const logger = createLogger({ level: "info", format, service: "fixture", version: "1.2.3" });
logger.info("listening", { port: 8080 });
logger.debug("not written");
runInRequestContext({ requestId: "r-1" }, () => logger.error("unknown error", { error: new Error("boom") }));

export { EXIT, ExitError } from "./exit.ts";
export { createReadiness, type Readiness, type ReadinessOptions } from "./readiness.ts";
export { runJob } from "./run-job.ts";
export { type Runnable, runUntilSignal } from "./run-until-signal.ts";
export { settlesWithin } from "./settles-within.ts";
export { type StartDatabaseOptions, startDatabase, type WaitingFacts } from "./start-database.ts";
export { type WaitOptions, waitFor } from "./wait-for.ts";

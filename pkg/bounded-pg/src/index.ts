export { createPool, type Pool, type PoolOptions, type PoolStats } from "./bounded-pool.ts";
export {
  CallEndedError,
  ConnectionError,
  type DatabaseErrorKind,
  databaseErrorKind,
  isUniqueViolation,
} from "./database-error.ts";
export { createPrismaOperations, type OperationListener, type PrismaOperation } from "./prisma-operations.ts";
export { type ConflictOptions, runInCall } from "./run-in-call.ts";

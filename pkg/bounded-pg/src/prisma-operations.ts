import { currentScope, runInSharedScope } from "./call-scope.ts";
import { databaseErrorKind } from "./database-error.ts";

/** What Prisma tells a query extension of an operation: https://www.prisma.io/docs/orm/prisma-client/client-extensions/query */
export interface PrismaOperation {
  readonly model?: string | undefined;
  readonly operation: string;
  readonly args: unknown;
  readonly query: (args: never) => Promise<unknown>;
}

/** Hears of each operation when it ends, as `User.findUnique` (`$queryRaw` where there is no model), with its seconds. */
export type OperationListener = (operation: string, seconds: number) => void;

/** Prisma merges those of one tick into one statement. */
const MERGED: ReadonlySet<string> = new Set(["findUnique", "findUniqueOrThrow"]);
const READS: ReadonlySet<string> = new Set([
  ...MERGED,
  ...["findFirst", "findFirstOrThrow", "findMany", "count", "aggregate", "groupBy"],
]);

/**
 * A function for Prisma's `$allOperations`. It times operations; keeps calls apart whose reads Prisma merges; and repeats
 * a read once whose connection broke: the next one may live. Writes are never repeated: they may have been done.
 */
export function createPrismaOperations(onEnd: OperationListener = () => {}) {
  return async ({ model, operation, args, query }: PrismaOperation): Promise<unknown> => {
    const startedMs = performance.now();
    const ask = () => query(args as never);
    const run = MERGED.has(operation) ? () => runInSharedScope(async () => ask()) : ask;
    try {
      return await run();
    } catch (error) {
      if (!READS.has(operation) || !isWorthRepeating(error)) throw error;
      return await run();
    } finally {
      onEnd(model ? `${model}.${operation}` : operation, (performance.now() - startedMs) / 1000);
    }
  };
}

function isWorthRepeating(error: unknown): boolean {
  if (currentScope()?.ended) return false;
  const kind = databaseErrorKind(error);
  // A read that was merged with another call's may have ended with that one.
  return kind === "connection_lost" || kind === "call_ended";
}

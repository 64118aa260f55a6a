import { inDatabaseCall, transactionOptions } from "#internal/pkg/database/database-call.ts";
import { isRecordNotFound, isUniqueViolation } from "#internal/pkg/database/errors.ts";
import { emailTaken, etagMismatch, userNotFound } from "../model/errors.ts";
import { emailKey, type User, type UserFields } from "../model/user.ts";
import type { UserRepository } from "../model/user-repository.ts";
import type { Prisma } from "../prisma/generated/client.ts";

/** Keeps users in PostgreSQL. Inside a transaction, `client` is the transaction's: one within it is a savepoint. */
export function createPrismaUserRepository(client: Prisma.TransactionClient): UserRepository {
  const users = client.user;

  /** An update or a delete matched no row: because of the version, or because there is no such user. */
  async function missed(id: string, version: number | undefined): Promise<Error> {
    if (version === undefined) return userNotFound(id);
    const stored = await users.findUnique({ where: { id }, select: { id: true } });
    return stored ? etagMismatch() : userNotFound(id);
  }

  return {
    insert: (user, call) =>
      inDatabaseCall(call, async () => {
        try {
          return toUser(await users.create({ data: toRow(user) }));
        } catch (error) {
          throw isUniqueViolation(error, "email_key") ? emailTaken(user.email) : error;
        }
      }),

    get: (id, call) =>
      inDatabaseCall(call, async () => {
        const row = await users.findUnique({ where: { id } });
        if (!row) throw userNotFound(id);
        return toUser(row);
      }),

    list: ({ afterId, limit }, call) =>
      inDatabaseCall(call, async () => {
        const where = afterId === undefined ? {} : { id: { gt: afterId } };
        const rows = await users.findMany({ where, orderBy: { id: "asc" }, take: limit });
        return rows.map(toUser);
      }),

    update: (id, { fields, updateTime, version }, call) =>
      inDatabaseCall(call, async () => {
        try {
          const data = { ...toColumns(fields), updateTime, version: { increment: 1 } };
          return toUser(await users.update({ where: whereVersion(id, version), data }));
        } catch (error) {
          if (isRecordNotFound(error)) throw await missed(id, version);
          throw isUniqueViolation(error, "email_key") ? emailTaken(fields.email ?? "") : error;
        }
      }),

    delete: (id, version, call) =>
      inDatabaseCall(call, async () => {
        const { count } = await users.deleteMany({ where: whereVersion(id, version) });
        if (count === 0) throw await missed(id, version);
      }),

    transaction: (work, call) =>
      inDatabaseCall(call, () =>
        client.$transaction(async (transaction) => {
          const result = await work(createPrismaUserRepository(transaction));
          // After an error PostgreSQL refuses all but the end, and makes of COMMIT a ROLLBACK without a word.
          await transaction.$executeRaw`SELECT 1`;
          return result;
        }, transactionOptions(call)),
      ),
  };
}

type UserRow = Prisma.UserGetPayload<object>;

// The return types require every field: a new one that is forgotten here does not compile.

function toUser({ id, email, displayName, version, createTime, updateTime }: UserRow): User {
  return { id, email, displayName, version, createTime, updateTime };
}

function toRow({ id, email, displayName, version, createTime, updateTime }: User): UserRow {
  return { id, email, emailKey: emailKey(email), displayName, version, createTime, updateTime };
}

/** Columns have their fields' names; what is derived from a field is added here. */
function toColumns(fields: Partial<UserFields>): Prisma.UserUpdateInput {
  return { ...fields, ...(fields.email !== undefined && { emailKey: emailKey(fields.email) }) };
}

function whereVersion(id: string, version: number | undefined) {
  return version === undefined ? { id } : { id, version };
}

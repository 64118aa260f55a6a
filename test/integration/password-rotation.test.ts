import { randomUUID } from "node:crypto";
import { migrate } from "@grpc-service-template/prisma-migrations";
import { expect, inject, test } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createEmptyDatabase } from "../database/test-database.ts";

const migrationsDir = "internal/app/user-service/prisma/migrations";

test("two logins of one owner share the database, so a password changes while the other one serves", async () => {
  const { adminUrl } = inject("testDatabases");
  const database = await createEmptyDatabase();
  const id = randomUUID().slice(0, 8);
  const [owner, first, second] = [`owner_${id}`, `first_${id}`, `second_${id}`];
  const as = (user: string, password: string) =>
    Object.assign(new URL(database.url), { username: user, password }).href;
  const { rows } = await runOn(database.url, "SELECT current_database() AS name");
  try {
    // As docs/operations.md has it.
    await runOn(adminUrl, `CREATE ROLE ${owner} NOLOGIN`);
    for (const login of [first, second]) {
      await runOn(adminUrl, `CREATE ROLE ${login} LOGIN PASSWORD 'one' IN ROLE ${owner}`);
      await runOn(adminUrl, `ALTER ROLE ${login} SET role = '${owner}'`);
    }
    await runOn(adminUrl, `ALTER DATABASE "${rows[0].name}" OWNER TO ${owner}`);

    // What the first login makes is the owner's, hence the second one's too.
    expect((await migrate({ url: as(first, "one"), migrationsDir })).applied).not.toEqual([]);
    await runOn(adminUrl, `ALTER ROLE ${second} PASSWORD 'two'`);
    expect((await migrate({ url: as(second, "two"), migrationsDir })).applied).toEqual([]);
    await runOn(as(second, "two"), "ALTER TABLE users ADD COLUMN phone text");
    await runOn(as(first, "one"), "ALTER TABLE users DROP COLUMN phone");

    // Then the first one is shut out, and the second one is not.
    await runOn(adminUrl, `ALTER ROLE ${first} NOLOGIN`);
    await expect(runOn(as(first, "one"), "SELECT 1")).rejects.toMatchObject({ code: "28000" });
    expect((await runOn(as(second, "two"), "SELECT count(*)::int AS users FROM users")).rows).toEqual([{ users: 0 }]);
  } finally {
    await database.drop();
    await runOn(adminUrl, `DROP ROLE IF EXISTS ${first}, ${second}, ${owner}`);
  }
});

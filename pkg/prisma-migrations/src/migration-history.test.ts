import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MigrationRow, migrationChecksum, planMigrations, readMigrations } from "./migration-history.ts";

const files = [file("1_users"), file("2_emails"), file("3_names")];

function file(name: string, sql = `CREATE TABLE "${name}" ();\n`) {
  return { name, sql };
}

function row(name: string, change: Partial<MigrationRow> = {}): MigrationRow {
  const time = new Date("2026-11-20T17:00:00Z");
  const checksum = migrationChecksum(file(name).sql);
  return {
    migration_name: name,
    checksum,
    started_at: time,
    finished_at: time,
    rolled_back_at: null,
    logs: null,
    ...change,
  };
}

describe("planMigrations", () => {
  test("plans everything, in order, for a new database", () => {
    expect(planMigrations(files, [])).toEqual({ applied: [], pending: files, newer: [] });
  });

  test("plans what comes after the last applied migration", () => {
    const plan = planMigrations(files, [row("1_users")]);
    expect(plan).toEqual({ applied: ["1_users"], pending: files.slice(1), newer: [] });
  });

  test("plans nothing for a database that has it all", () => {
    expect(
      planMigrations(
        files,
        files.map(({ name }) => row(name)),
      ).pending,
    ).toEqual([]);
  });

  test("reports what a newer image applied, and goes on", () => {
    const plan = planMigrations(
      files.slice(0, 2),
      files.map(({ name }) => row(name)),
    );
    expect(plan).toMatchObject({ pending: [], newer: ["3_names"] });
  });

  test("takes a rolled back migration for one that was never applied", () => {
    const rows = [row("1_users"), row("2_emails", { finished_at: null, rolled_back_at: new Date(), checksum: "old" })];
    expect(planMigrations(files, rows).pending.map(({ name }) => name)).toEqual(["2_emails", "3_names"]);
  });

  test("accepts a migration that was rolled back and then applied", () => {
    const rows = [row("1_users", { rolled_back_at: new Date(), checksum: "old" }), row("1_users")];
    expect(planMigrations(files, rows).applied).toEqual(["1_users"]);
  });

  test("accepts a file whose line ends git has changed", () => {
    const windows = files.map(({ name, sql }) => ({ name, sql: sql.replaceAll("\n", "\r\n") }));
    expect(planMigrations(windows, [row("1_users")]).applied).toEqual(["1_users"]);
    const appliedOnWindows = row("1_users", { checksum: migrationChecksum(windows[0]?.sql ?? "") });
    expect(planMigrations(files, [appliedOnWindows]).applied).toEqual(["1_users"]);
  });

  test("leaves newer migrations to the image that brought them, however they stand", () => {
    const [users, emails] = [row("1_users"), row("2_emails")];
    const standings = [{ finished_at: null }, { finished_at: null, logs: "no such table" }];
    for (const underWay of [true, false]) {
      for (const standing of standings) {
        const plan = planMigrations(files.slice(0, 2), [users, emails, row("3_names", standing)], { underWay });
        expect(plan).toEqual({ applied: ["1_users", "2_emails"], pending: [], newer: ["3_names"] });
      }
    }
  });

  test("plans nothing behind a newer migration that is not finished", () => {
    const plan = () => planMigrations(files.slice(0, 2), [row("1_users"), row("3_names", { finished_at: null })]);
    expect(plan).toThrow(expect.objectContaining({ reason: "hole", migration: "2_emails" }));
  });

  test("plans what somebody else is at", () => {
    const rows = [row("1_users"), row("2_emails", { finished_at: null })];
    expect(planMigrations(files, rows, { underWay: true })).toEqual({
      applied: ["1_users"],
      pending: files.slice(1),
      newer: [],
    });
  });

  test("refuses what failed half way, whoever is at work", () => {
    const rows = [row("1_users", { finished_at: null, logs: "no such table" })];
    expect(() => planMigrations(files, rows, { underWay: true })).toThrow(/failed: no such table/);
  });

  const refused: { what: string; reason: string; rows: MigrationRow[]; migration: string; says: RegExp }[] = [
    {
      what: "a file that was edited after it had been applied",
      reason: "edited",
      rows: [row("1_users", { checksum: "0".repeat(64) })],
      migration: "1_users",
      says: /Restore the file/,
    },
    {
      what: "a migration that has been skipped",
      reason: "hole",
      rows: [row("1_users"), row("3_names")],
      migration: "2_emails",
      says: /3_names, which comes later.*later timestamp/,
    },
    {
      what: "a pending migration that a newer image would have applied first",
      reason: "hole",
      rows: [row("1_users"), row("2_emails"), row("4_phones")],
      migration: "3_names",
      says: /4_phones, which comes later/,
    },
    {
      what: "an applied migration that is missing among the files",
      reason: "unknown",
      rows: [row("1_users"), row("1_zebra")],
      migration: "1_zebra",
      says: /missing here.*Restore its folder/,
    },
    {
      what: "a migration that was cut off",
      reason: "incomplete",
      rows: [row("1_users", { finished_at: null })],
      migration: "1_users",
      says: /never finished: it was cut off.*finished_at = now\(\).*rolled_back_at = now\(\) WHERE migration_name = '1_users'/,
    },
    {
      what: "a migration that failed half way",
      reason: "incomplete",
      rows: [row("1_users", { finished_at: null, logs: "no such table" })],
      migration: "1_users",
      says: /failed: no such table.*migrate resolve --rolled-back 1_users/,
    },
  ];
  test.each(refused)("refuses $what", ({ rows, reason, migration, says }) => {
    const plan = () => planMigrations(files, rows);
    expect(plan).toThrow(expect.objectContaining({ name: "MigrationError", reason, migration }));
    expect(plan).toThrow(says);
  });
});

describe("readMigrations", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "migrations-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  test("reads the folders in the order of their names and passes over plain files", async () => {
    for (const name of ["2_b", "1_a"]) {
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, "migration.sql"), `-- ${name}`);
    }
    await writeFile(join(dir, "migration_lock.toml"), "");
    expect(await readMigrations(dir)).toEqual([file("1_a", "-- 1_a"), file("2_b", "-- 2_b")]);
  });

  test("refuses a folder without its file, and says which", async () => {
    await mkdir(join(dir, "1_a"));
    const refusal = {
      reason: "unreadable",
      migration: "1_a",
      message: expect.stringMatching(/1_a.migration\.sql is missing/),
    };
    await expect(readMigrations(dir)).rejects.toMatchObject(refusal);
  });

  test("refuses a folder that does not exist", async () => {
    const refusal = { reason: "unreadable", message: expect.stringContaining(join(dir, "none")) };
    await expect(readMigrations(join(dir, "none"))).rejects.toMatchObject(refusal);
  });
});

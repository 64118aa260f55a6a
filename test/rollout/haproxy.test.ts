import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runOn } from "../../scripts/postgres/scratch-database.ts";
import { createEmptyDatabase, type TestDatabase } from "../database/test-database.ts";
import { isInstalled } from "../e2e/clients.ts";
import { runService } from "../e2e/service-process.ts";
import type { Release } from "./haproxy/fleet.ts";
import { type Stage, type StageOptions, setStage } from "./haproxy/stage.ts";
import { MOST_IN_FLIGHT } from "./load/load-plan.ts";
import { failuresOf, LoadTally } from "./load/load-tally.ts";
import type { Load } from "./load/start-load.ts";
import { bundleReleases, GRPC_GO_LOAD, writeDescriptors } from "./releases.ts";

/** How long a client on a busy machine may need to hear of a failure, in ms. */
const HEARD_MS = 1_000;

const missing: string[] = [];
for (const tool of ["haproxy", GRPC_GO_LOAD]) if (!(await isInstalled(tool))) missing.push(tool);
if (missing.length > 0 && process.env.CI) throw new Error(`not installed: ${missing.join(", ")}`);
if (missing.length > 0) process.stderr.write(`skipped, since not installed: ${missing.join(", ")}\n`);

const tally = new LoadTally();
let folder: string;
let database: TestDatabase;
let v1: Release;
let v2: Release;

describe.skipIf(missing.length > 0)("instances behind HAProxy", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rollout-"));
    database = await createEmptyDatabase();
    const [first, second] = await bundleReleases(folder);
    [v1, v2] = [{ program: first }, { program: second }];
    await writeDescriptors(join(folder, "users.binpb"));
    await migrate(v1);
  });

  afterAll(async () => {
    await database?.drop();
    await rm(folder, { recursive: true });
  });

  it("loses no call while two instances are replaced, one after the other", async () => {
    const { fleet, load } = await serveUnderLoad();

    for (let round = 0; round < 3; round += 1) await fleet.roll(v1);
    await load.answers(3_000);
    const report = await tally.count("three rolling restarts", load);

    expect(failuresOf(report)).toEqual([]);
    expect(fleet.exitCodes).toEqual([0, 0, 0, 0, 0, 0]);
    // A stream that watches hears that its instance goes, ends with UNAVAILABLE after the pause, and goes on elsewhere.
    expect(report.watched.join(" ")).toMatch(/^SERVING( NOT_SERVING UNAVAILABLE SERVING)+$/);
  });

  it("loses no call while it is scaled up and down", async () => {
    const { fleet, load } = await serveUnderLoad();

    await fleet.scaleUp(v1);
    await load.answers(200);
    await fleet.scaleDown();
    await fleet.scaleDown();
    await load.answers(500);
    await fleet.scaleUp(v1);
    await load.answers(200);

    expect(failuresOf(await tally.count("scale from 2 to 3, 1 and 2", load))).toEqual([]);
    expect(fleet.exitCodes).toEqual([0, 0]);
  });

  it("sends no call to a release that does not become ready, and loses none", async () => {
    const { fleet, load, proxy, freeSlot } = await serveUnderLoad();

    await expect(fleet.roll({ ...v1, env: { USER_SERVICE_DRAIN_TIMEOUT_MS: "never" } })).rejects.toThrow("with 78");
    const elsewhere = { DATABASE_URL: "postgresql://127.0.0.1:1/nowhere", USER_SERVICE_DATABASE_WAIT_MS: "2000" };
    await expect(fleet.roll({ ...v1, env: elsewhere })).rejects.toThrow("with 69");
    await load.answers(1_000);

    expect(failuresOf(await tally.count("two bad releases", load))).toEqual([]);
    expect(await proxy.stateOf(freeSlot)).toEqual({ status: "DOWN", calls: 0 });
    expect(fleet.exitCodes).toEqual([]);
  });

  it("loses no call in a release that migrates the database, nor in the rollback to the one before", async () => {
    const { fleet, load, startLoad } = await serveUnderLoad();

    await migrate(v2);
    await load.answers(200);
    await fleet.roll(v2);
    await load.answers(200);
    expect(failuresOf(await tally.count("release with a migration", load))).toEqual([]);
    expect(await columns()).toContain("note");

    const loadOfRollback = await startLoad();
    await fleet.roll(v1);
    await loadOfRollback.answers(200);
    expect(failuresOf(await tally.count("rollback", loadOfRollback))).toEqual([]);
    expect(fleet.exitCodes).toEqual([0, 0, 0, 0]);
  });

  it("loses no more than the calls in flight when an instance is killed, and none once the proxy has noticed", async () => {
    const { fleet, load } = await serveUnderLoad({ redispatch: true });

    const killedAtMs = Date.now();
    await fleet.killOne();
    const noticedAtMs = Date.now();
    await load.answers(1_000);
    const { clients } = await tally.count("kill -9", load);

    const failedAtMs = clients.flatMap(({ failures }) => failures.map(({ atMs }) => atMs));
    expect(failedAtMs.length).toBeLessThanOrEqual(MOST_IN_FLIGHT);
    expect(failedAtMs.filter((atMs) => atMs < killedAtMs || atMs > noticedAtMs + HEARD_MS)).toEqual([]);
  });

  it("loses calls without the drain delay: this load would show it", async () => {
    const { fleet, load } = await serveUnderLoad({ drainDelayMs: 0 });

    await fleet.roll(v1);
    await fleet.roll(v1);

    expect(failuresOf(await tally.count("control run, without the drain delay", load))).not.toEqual([]);
    expect(fleet.exitCodes).toEqual([0, 0, 0, 0]);
  });

  it("has stored every user whose creation was answered, and none that nobody asked for", async () => {
    const { rows } = await runOn(database.url, "SELECT count(*)::int AS users FROM users");
    const { made, createdAtLeast, createdAtMost } = tally.totals;
    process.stderr.write(
      `in all: ${made} calls; ${createdAtLeast} creations answered, ${rows[0].users} users stored\n`,
    );

    expect(rows[0].users).toBeGreaterThanOrEqual(createdAtLeast);
    expect(rows[0].users).toBeLessThanOrEqual(createdAtMost);
    expect(made).toBeGreaterThanOrEqual(20_000);
  });
});

async function serveUnderLoad(options: Partial<StageOptions> = {}): Promise<Stage & { load: Load }> {
  const descriptors = join(folder, "users.binpb");
  const stage = await setStage({ release: v1, databaseUrl: database.url, descriptors, ...options });
  return { ...stage, load: await stage.startLoad() };
}

async function migrate({ program }: Release): Promise<void> {
  const run = runService({ APP_ENV: "production", DATABASE_URL: database.url }, { program, command: "migrate" });
  if ((await run.exited) !== 0) throw new Error(run.stderr());
}

async function columns(): Promise<string[]> {
  const { rows } = await runOn(
    database.url,
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'users'",
  );
  return rows.map(({ column_name }) => column_name);
}

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { IMAGES, provideImages } from "./kubernetes/images.ts";
import {
  applyManifests,
  findClusterObstacle,
  killService,
  kubectl,
  leaversAreGone,
  NAMESPACE,
  podNames,
  rolledOut,
} from "./kubernetes/kubectl.ts";
import { MOST_IN_FLIGHT } from "./load/load-plan.ts";
import { failuresOf, LoadTally } from "./load/load-tally.ts";
import { type Load, startLoad } from "./load/start-load.ts";
import { GRPC_GO_LOAD, ROOT } from "./releases.ts";

const obstacle = await findClusterObstacle();
if (obstacle && process.env.K8S_E2E === "required") throw new Error(obstacle);
if (obstacle) process.stderr.write(`skipped: ${obstacle}\n`);

const DEPLOYMENT = "deployment/user-service";
const SERVICE = `user-service.${NAMESPACE}.svc.cluster.local`;
/** How long kubelet, API server and kube-proxy may take together to notice that a pod is gone. */
const NOTICED_MS = 5_000;

/** How many restarts without the drain delay may pass without a loss. */
const CONTROL_TRIES = 5;

const tally = new LoadTally();
let folder: string;
let loads = 0;

describe.skipIf(obstacle)("the dev overlay on a cluster", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rollout-"));
    await provideImages(folder);
    await applyManifests(overlay());
    await applyManifests(await readFile(new URL("./kubernetes/load-pod.yaml", import.meta.url), "utf8"));
    await kubectl("wait", "--for=condition=Ready", "pod/load", "--timeout=60s");
    await rolledOut();
  }, 300_000);

  afterAll(async () => {
    await kubectl("delete", "namespace", NAMESPACE, "--wait=false");
    await rm(folder, { recursive: true });
  });

  it("loses no call in a rolling update whose release migrates the database", async () => {
    const load = await startLoadInCluster();

    await release(IMAGES.v2);
    await rolledOut();
    await load.answers(1_500);
    const report = await tally.count("rolling update with a migration", load);

    expect(failuresOf(report)).toEqual([]);
    // A stream that watches hears that its pod goes, ends with UNAVAILABLE after the pause, and goes on elsewhere.
    expect(report.watched.join(" ")).toMatch(/^SERVING( NOT_SERVING UNAVAILABLE SERVING)+$/);
    expect(await query("SELECT count(*) FROM information_schema.columns WHERE column_name = 'note'")).toBe("1");
  });

  it("loses no call when a pod is deleted", async () => {
    const load = await startLoadInCluster();
    const [pod = ""] = await podNames();

    await kubectl("delete", "pod", pod);
    await rolledOut();
    await load.answers(1_500);

    expect(failuresOf(await tally.count("kubectl delete pod", load))).toEqual([]);
  });

  it("loses no call while it is scaled up and down", async () => {
    const load = await startLoadInCluster();

    await kubectl("scale", DEPLOYMENT, "--replicas=4");
    await rolledOut();
    await load.answers(1_500);
    await kubectl("scale", DEPLOYMENT, "--replicas=2");
    await leaversAreGone();
    await load.answers(1_500);

    expect(failuresOf(await tally.count("scale from 2 to 4 and back", load))).toEqual([]);
    expect(await podNames()).toHaveLength(2);
  });

  it("loses no call to a bad release: it stalls, the pods before it serve on, and it is undone", async () => {
    const load = await startLoadInCluster();
    const before = await podNames();

    await kubectl("set", "env", DEPLOYMENT, "--containers=service", "USER_SERVICE_DRAIN_TIMEOUT_MS=never");
    await expect(rolledOut(15)).rejects.toThrow("timed out waiting");
    expect(await podNames()).toEqual(expect.arrayContaining(before));
    await load.answers(1_500);
    await kubectl("rollout", "undo", DEPLOYMENT);
    await rolledOut();

    expect(failuresOf(await tally.count("bad release, undone", load))).toEqual([]);
    expect((await podNames()).sort()).toEqual(before.sort());
  });

  it("loses no call in a rollback to the image before, which meets a newer database", async () => {
    const load = await startLoadInCluster();

    await release(IMAGES.v1);
    await rolledOut();
    await load.answers(1_500);

    expect(failuresOf(await tally.count("rollback", load))).toEqual([]);
  });

  it("loses the calls that a killed process held, and none once the cluster has noticed that it is gone", async () => {
    const load = await startLoadInCluster();
    const [pod = ""] = await podNames();

    const killedAtMs = Date.now();
    await killService(pod);
    const sentAtMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, NOTICED_MS));
    await load.answers(1_000);
    const { clients } = await tally.count("kill -9", load);

    const failures = clients.flatMap((client) => client.failures);
    const failedAtMs = failures.map(({ atMs }) => atMs);
    // What found no connection was never sent, and not the pod's: refused, or cut before the connection was one.
    const held = failures.filter(({ message }) => !/refused|connection error|no connection established/i.test(message));
    const lastMs = Math.round(Math.max(killedAtMs, ...failedAtMs) - killedAtMs);
    process.stderr.write(
      `kill -9: ${held.length} calls were held; the others found no connection, the last after ${lastMs} ms\n`,
    );
    expect(held.length).toBeLessThanOrEqual(MOST_IN_FLIGHT);
    expect(failedAtMs.filter((atMs) => atMs < killedAtMs || atMs > sentAtMs + NOTICED_MS)).toEqual([]);
  });

  it("loses calls without the drain delay: this load would show it", { timeout: CONTROL_TRIES * 60_000 }, async () => {
    await kubectl("set", "env", DEPLOYMENT, "--containers=service", "USER_SERVICE_DRAIN_DELAY_MS=0");
    // The pause before an old pod goes is another in which the cluster may notice: kube-proxy writes rules once a second at most.
    await kubectl("patch", DEPLOYMENT, "--patch", '{"spec":{"minReadySeconds":0}}');
    await rolledOut();

    // On a quiet machine it may notice all the same, before a client connects anew.
    const failures: string[] = [];
    for (let i = 1; i <= CONTROL_TRIES && failures.length === 0; i++) {
      const load = await startLoadInCluster();
      await kubectl("rollout", "restart", DEPLOYMENT);
      await rolledOut();
      failures.push(...failuresOf(await tally.count(`control run ${i}, without the drain delay`, load)));
    }
    expect(failures).not.toEqual([]);
  });

  it("has stored every user whose creation was answered, and none that nobody asked for", async () => {
    const users = Number(await query("SELECT count(*) FROM users"));
    const { made, createdAtLeast, createdAtMost } = tally.totals;
    process.stderr.write(`in all: ${made} calls; ${createdAtLeast} creations answered, ${users} users stored\n`);

    expect(users).toBeGreaterThanOrEqual(createdAtLeast);
    expect(users).toBeLessThanOrEqual(createdAtMost);
    expect(made).toBeGreaterThanOrEqual(80_000);
  });
});

/** The overlay, with the images of this run; what the log says of calls would cost more than they do. */
function overlay(): string {
  return execFileSync("kubectl", ["kustomize", "deployments/kubernetes/overlays/dev"], { cwd: ROOT, encoding: "utf8" })
    .replaceAll("image: user-service:dev", `image: ${IMAGES.v1}`)
    .replace("  APP_ENV: staging\n", '  APP_ENV: staging\n  USER_SERVICE_ACCESS_LOG_SAMPLING: "0"\n');
}

async function release(image: string): Promise<void> {
  await kubectl("set", "image", DEPLOYMENT, `service=${image}`, `migrate=${image}`);
}

async function query(sql: string): Promise<string> {
  return kubectl(
    "exec",
    "postgres-0",
    "--",
    "psql",
    "--username=postgres",
    "--tuples-only",
    "--no-align",
    `--command=${sql}`,
    "user-service",
  );
}

async function startLoadInCluster(): Promise<Load> {
  loads += 1;
  const exec = [
    "kubectl",
    "--namespace",
    NAMESPACE,
    "exec",
    "--stdin",
    "load",
    "--",
    "node",
    "/load/main.mjs",
  ] as const;
  const load = await startLoad(exec, {
    run: `run${loads}`,
    callsPerSecond: 400,
    grpcJsTarget: `dns:${SERVICE}:8080`,
    http1Url: `http://${SERVICE}`,
    grpcGo: { program: `/load/${GRPC_GO_LOAD}`, target: `dns:///${SERVICE}:8080`, descriptors: "/load/users.binpb" },
  });
  onTestFinished(() => load.kill());
  return load;
}

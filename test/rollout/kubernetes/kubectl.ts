import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Of the overlay under test. */
export const NAMESPACE = "services-dev";

/** Runs kubectl in the overlay's namespace, and resolves to what it printed. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("kubectl", ["--namespace", NAMESPACE, ...args], { maxBuffer: 16 * 1024 * 1024 });
  return stdout.trim();
}

export async function applyManifests(manifests: string): Promise<void> {
  const child = spawn("kubectl", ["apply", "--filename", "-"], { stdio: ["pipe", "ignore", "pipe"] });
  child.stdin.end(manifests);
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  if (code !== 0) throw new Error(`kubectl apply: ${errors}`);
}

/** Why nothing can be tried on a cluster here, or undefined. */
export async function findClusterObstacle(): Promise<string | undefined> {
  try {
    await run("kubectl", ["get", "--raw", "/readyz", "--request-timeout=5s"]);
  } catch (error) {
    return `the current kubectl context leads to no cluster: ${(error as Error).message.split("\n").at(-2)}`;
  }
  // It is removed at the end, which nobody's own may be.
  const { stdout } = await run("kubectl", ["get", "namespace", NAMESPACE, "--ignore-not-found", "--output=name"]);
  return stdout === "" ? undefined : `the cluster has a namespace ${NAMESPACE}: delete it, if nobody needs it`;
}

/** The names of the service's pods that are not on their way out. */
export async function podNames(): Promise<string[]> {
  const template = "{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}";
  const names = await kubectl(
    "get",
    "pods",
    "--selector=app.kubernetes.io/name=user-service",
    `--output=go-template=${template}`,
  );
  return names.split(" ").filter((name) => name !== "");
}

/** Resolves when no pod of the service is on its way out any more. */
export async function leaversAreGone(): Promise<void> {
  const template = "{{range .items}}{{if .metadata.deletionTimestamp}}{{.metadata.name}} {{end}}{{end}}";
  const selector = "--selector=app.kubernetes.io/name=user-service";
  while ((await kubectl("get", "pods", selector, `--output=go-template=${template}`)) !== "") {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Resolves when the deployment has what it was told, and nothing of the release before. Rejects when it stalls. */
export async function rolledOut(timeoutSeconds = 120): Promise<void> {
  await kubectl("rollout", "status", "deployment/user-service", `--timeout=${timeoutSeconds}s`);
  await leaversAreGone();
}

/** Ends the service in a pod by SIGKILL. The image has no shell to do it, but Node. */
export async function killService(pod: string): Promise<void> {
  const script = `
    const fs = require("node:fs");
    for (const pid of fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))) {
      if (Number(pid) === process.pid) continue;
      if (fs.readFileSync("/proc/" + pid + "/cmdline", "utf8").includes("main.mjs")) process.kill(Number(pid), "SIGKILL");
    }`;
  await kubectl("exec", pod, "--container=service", "--", "node", "--eval", script);
}

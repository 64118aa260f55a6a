import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { IMAGE, VERSION } from "./containers.ts";
import { docker, run } from "./docker.ts";

describe.skipIf(inject("dockerObstacle"))("make up", () => {
  const project = `compose-test-${process.pid}`;
  let env: NodeJS.ProcessEnv;
  let up: Awaited<ReturnType<typeof run>>;

  beforeAll(async () => {
    const [port, adminPort] = await freePorts();
    env = { COMPOSE_PROJECT_NAME: project, TAG: VERSION, PORT: String(port), ADMIN_PORT: String(adminPort) };
    up = await run("make", ["up"], env);
  });
  afterAll(() => run("make", ["down", "DOWN_FLAGS=--volumes"], env));

  test("says where the service is once it is healthy", () => {
    expect(up.code, up.stderr).toBe(0);
    expect(up.stdout).toContain(`user-service is healthy: http://localhost:${env.PORT};`);
  });

  test("gives a service that keeps users in PostgreSQL", async () => {
    const created = await fetch(`http://localhost:${env.PORT}/user.v1.UserService/CreateUser`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: { email: "ada@example.com", displayName: "Ada" } }),
    });
    expect(await created.json()).toMatchObject({ user: { displayName: "Ada" } });
    const database = await docker("ps", "--quiet", "--filter", `name=${project}.postgres`);
    const query = ["psql", "-U", "users", "--tuples-only", "--no-align", "--command", "select email from users"];
    expect(await docker("exec", database, ...query)).toBe("ada@example.com");
  });

  test("shows its ports to this machine alone; the calls' one to others when asked to", async () => {
    expect((await fetch(`http://127.0.0.1:${env.ADMIN_PORT}/readyz`)).status).toBe(200);
    const service = await docker("ps", "--quiet", "--filter", `name=${project}.user-service`);
    expect(await docker("port", service, "9090")).toBe(`127.0.0.1:${env.ADMIN_PORT}`);
    expect(await docker("port", service, "8080")).toBe(`127.0.0.1:${env.PORT}`);
    const config = await run("scripts/compose.sh", ["config"], { ...env, ADDRESS: "0.0.0.0" });
    expect(config.stdout).toContain("0.0.0.0");
  });

  test("starts no Prometheus unless asked to, which would scrape that port", async () => {
    const names = await docker("ps", "--filter", `name=${project}`, "--format", "{{.Names}}");
    expect(names.split("\n")).toHaveLength(2);
    const config = await run("scripts/compose.sh", ["--profile", "monitoring", "config"], env);
    expect(config.stdout).toContain("image: prom/prometheus:");
    expect(await readFile("deployments/prometheus.yml", "utf8")).toContain('targets: ["user-service:9090"]');
  });

  test.each([
    ["a service that the compose file does not have", { SERVICE: "postgres" }, "no service SERVICE=postgres"],
    ["an unknown profile", { PROFILE: "nonsense" }, "no profile PROFILE=nonsense; there is: monitoring"],
    ["an image that is not there", { TAG: "0.0.0-none" }, "TAG=0.0.0-none make image"],
  ])("refuses %s", async (_what, changed, message) => {
    const refused = await run("make", ["up"], { ...env, ...changed });
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).toContain("Error 64");
  });

  test("refuses a port that something else listens on, before anything is started", async () => {
    const other = `${project}-other`;
    const refused = await run("make", ["up"], { ...env, COMPOSE_PROJECT_NAME: other });
    expect(refused.stderr).toContain(`port ${env.PORT} is in use`);
    expect(refused.stderr).toContain("PORT=");
    expect(await docker("ps", "--all", "--quiet", "--filter", `name=${other}`)).toBe("");
  });

  test("may be repeated", async () => {
    const again = await run("make", ["up"], env);
    expect(again.code, again.stderr).toBe(0);
  });

  // It ends them.
  test("is undone by make down", async () => {
    const down = await run("make", ["down"], env);
    expect(down.code, down.stderr).toBe(0);
    expect(await docker("ps", "--all", "--quiet", "--filter", `name=${project}`)).toBe("");
  });

  test("says with which exit code a service has ended, and its last words, at once", async () => {
    const created = await docker("create", IMAGE);
    const broken = `${VERSION}-broken`;
    try {
      await docker("commit", "--change", 'CMD ["nonsense"]', created, `user-service:${broken}`);
      const began = Date.now();
      const failed = await run("make", ["up"], { ...env, TAG: broken });
      expect(failed.stderr).toContain("user-service has ended with exit code 64");
      expect(failed.stdout + failed.stderr).toContain("usage: user-service");
      expect(Date.now() - began).toBeLessThan(30_000);
    } finally {
      await docker("rm", created);
      await run("make", ["down"], env);
      await docker("image", "rm", `user-service:${broken}`);
    }
  });
});

/** Two ports that were free a moment ago. */
async function freePorts(): Promise<(number | undefined)[]> {
  const servers = await Promise.all(
    [0, 0].map(async (port) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" ? address?.port : undefined;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

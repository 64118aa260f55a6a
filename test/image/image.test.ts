import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { addressOf, type Containers, IMAGE, logged, startContainers, VERSION } from "./containers.ts";
import { docker, eventually, run } from "./docker.ts";

const MIB = 1024 * 1024;
/** docker's figures are in these. */
const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: MIB, GiB: 1024 * MIB };

describe.skipIf(inject("dockerObstacle"))("the image", () => {
  let containers: Containers;
  let database: string[];

  beforeAll(async () => {
    containers = await startContainers();
    database = ["--env", `DATABASE_URL=${containers.databaseUrl}`];
  });
  afterAll(() => containers?.remove());

  const report = (what: string) => process.stderr.write(`  ${what}\n`);

  test("adds less than 15 MB to its base", async () => {
    const base = process.env.NODE_IMAGE ?? "node:24-trixie-slim";
    const sizes = await Promise.all([IMAGE, base].map((image) => docker("image", "inspect", "-f", "{{.Size}}", image)));
    const added = Number(sizes[0]) - Number(sizes[1]);
    report(`the image adds ${(added / 1e6).toFixed(1)} MB to ${base}`);
    expect(added).toBeGreaterThan(0);
    expect(added).toBeLessThan(15e6);
  });

  test("says what it is and of which commit", async () => {
    const labels = JSON.parse(await docker("image", "inspect", "--format", "{{json .Config.Labels}}", IMAGE));
    expect(labels).toMatchObject({
      "org.opencontainers.image.title": "user-service",
      "org.opencontainers.image.version": VERSION,
      "org.opencontainers.image.revision": expect.stringMatching(/^[0-9a-f]{40}$/),
      "org.opencontainers.image.created": expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      "org.opencontainers.image.licenses": "MIT",
      "org.opencontainers.image.base.name": expect.stringMatching(/^node:24-trixie-slim/),
      // The repository, without a login; empty in a clone of a folder.
      "org.opencontainers.image.source": expect.stringMatching(/^(https:\/\/[^@]+)?$/),
    });
  });

  test("names every wrong option and exits with 78", async () => {
    const { code, stderr } = await containers.runImage([], ["--env", "PORT=http"]);
    expect(stderr).toContain('port = "http" (PORT): must be a port number');
    expect(stderr).toContain("databaseUrl (DATABASE_URL or DATABASE_URL_FILE): must be set");
    expect(code).toBe(78);
  });

  test("refuses a database without its tables, which migrate makes; config shows what is in force", async () => {
    const refused = await containers.runImage(["serve"], database);
    expect(refused).toMatchObject({ code: 65, stderr: expect.stringMatching(/lacks \d+_create_users/) });
    const migrated = await containers.runImage(["migrate"], database);
    expect(migrated).toMatchObject({ code: 0, stdout: expect.stringContaining("_create_users") });
    const config = await containers.runImage(["config", "--port=8081"], database);
    expect(config.stdout).toMatch(/^APP_ENV=production$/m);
    expect(/^version +"([^"]*)"/m.exec(config.stdout)?.[1]).toBe(VERSION);
    expect(config.stdout).toMatch(/^port +8081 +--port/m);
    expect(config.stdout).not.toContain("secret@");
  });

  test("ends at a SIGTERM that comes while it loads, behind an init", async () => {
    const container = await containers.startImage([...database, "--init"]);
    await docker("kill", "--signal", "TERM", container);
    const code = await docker("wait", container);
    // By the kernel, or by the service if that listened already.
    expect(["143", "0"]).toContain(code);
    expect(await docker("logs", container)).not.toContain('"serving"');
  });

  test("needs less than 120 MB when idle", async () => {
    await containers.runImage(["migrate"], database);
    // Docker would count the processes of its own checks too.
    const container = await containers.startImage([...database, "--no-healthcheck"]);
    await logged(container, "serving");
    await setTimeout(2_000);
    const usage = await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container);
    const [, amount, unit = ""] = /^([\d.]+)(\w+)/.exec(usage) ?? [];
    report(`idle memory: ${amount} ${unit}`);
    expect(Number(amount) * (UNITS[unit] ?? Number.NaN)).toBeLessThan(120e6);
  });

  describe("running", () => {
    let container: string;
    let baseUrl: string;

    beforeAll(async () => {
      await containers.runImage(["migrate"], database);
      // A shell that something needed after all would be an empty file.
      const withoutShells = ["dash", "bash"].flatMap((shell) => ["--volume", `/dev/null:/usr/bin/${shell}:ro`]);
      container = await containers.startImage([...database, ...withoutShells, "--health-interval", "500ms"]);
      await logged(container, "serving");
      baseUrl = await addressOf(container, 8080);
    });

    const insideNode = (script: string) => docker("exec", container, "node", "--print", script);
    const post = (method: string, body: object) =>
      fetch(`${baseUrl}/user.v1.UserService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });

    test("serves within a second of its start, with the database up", async () => {
      const startedAt = await docker("inspect", "--format", "{{.State.StartedAt}}", container);
      const { timestamp, version } = await logged(container, "serving");
      const tookMs = Date.parse(timestamp) - Date.parse(startedAt);
      report(`serving ${tookMs} ms after the container's start`);
      expect(version).toBe(VERSION);
      // Five times the promise, for machines that are busy with something else.
      expect(tookMs).toBeLessThan(5_000);
    });

    test("answers calls", async () => {
      const created = await post("CreateUser", { user: { email: "ada@example.com", displayName: "Ada" } });
      expect(created.status).toBe(200);
      expect(await (await post("ListUsers", {})).json()).toMatchObject({ users: [{ email: "ada@example.com" }] });
    });

    test("is healthy to docker, and to its own healthcheck", async () => {
      const health = ["inspect", "--format", "{{.State.Health.Status}}", container];
      await eventually(async () => (await docker(...health)) === "healthy" || undefined);
      const check = ["exec", container, "node", "/app/main.mjs", "healthcheck"];
      expect(await run("docker", check)).toEqual({ code: 0, stdout: "", stderr: "" });
      expect(await run("docker", [...check, "--admin-port=9191"])).toMatchObject({
        code: 69,
        stderr: "user-service: admin port 9191: ECONNREFUSED\n",
      });
    });

    test("runs as nobody in particular, without capabilities, on a root that it cannot write", async () => {
      const status = await insideNode("fs.readFileSync('/proc/1/status', 'utf8')");
      expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      const write = "try { fs.writeFileSync('/app/x', '') } catch (error) { error.code }";
      expect(await insideNode(write)).toBe("EROFS");
    });

    test("holds the bundle, its source map, its assets, and what is to be known of it; not npm", async () => {
      expect(JSON.parse(await insideNode("JSON.stringify(fs.readdirSync('/app').sort())"))).toEqual([
        "configs",
        "internal",
        "licenses.txt",
        "main.mjs",
        "main.mjs.map",
        "sbom.cdx.json",
      ]);
      const bill = JSON.parse(
        await docker("exec", container, "node", "--print", "fs.readFileSync('/app/sbom.cdx.json', 'utf8')"),
      );
      const names = bill.components.map(({ name }: { name: string }) => name);
      expect(names).toContain("pg");
      expect(names).not.toContain("esbuild");
      expect(await insideNode("fs.readFileSync('/app/licenses.txt', 'utf8')")).toContain(
        "Permission is hereby granted",
      );
      expect(await insideNode("fs.existsSync('/usr/local/lib/node_modules')")).toBe("false");
    });

    // The last one: it ends the container.
    test("serves on through the drain's delay after SIGTERM, then exits with 0 within the drain", async () => {
      const began = Date.now();
      await docker("kill", "--signal", "TERM", container);
      await logged(container, "not serving");
      expect((await post("ListUsers", {})).status).toBe(200);
      expect(await docker("wait", container)).toBe("0");
      report(`ended ${Date.now() - began} ms after SIGTERM`);
      await logged(container, "stopped");
      // drainDelayMs, 5 s; no call is left to wait for, so nothing of drainTimeoutMs.
      expect(Date.now() - began).toBeLessThan(15_000);
    });
  });
});

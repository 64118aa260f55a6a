import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { IMAGE } from "./containers.ts";
import { docker, run } from "./docker.ts";
import { filesOf, type ImageFile } from "./image-files.ts";

const BASE = process.env.NODE_IMAGE ?? "node:24-trixie-slim";
const ROOT = join(import.meta.dirname, "../..");
const USER = "65532:65532";

/** What installs further software, and where the public base image has it. */
const INSTALLER = /\/(npm|npx|pnpm|pnpx|yarn|yarnpkg|yarn-v[^/]*|corepack|node_modules)$/;
/** What holds secrets by its name. */
const SECRETS = /\/\.(env[^/]*|npmrc|netrc|git-credentials|git|ssh|aws|docker)$/;

const isBelowApp = ({ path }: ImageFile) => path === "/app" || path.startsWith("/app/");
const pathsOf = (files: readonly ImageFile[]) => files.map(({ path }) => path).sort();

describe.skipIf(inject("dockerObstacle"))("the image is no more than the service needs", () => {
  let image: ImageFile[];
  let base: ImageFile[];

  beforeAll(async () => {
    [image, base] = await Promise.all([filesOf(IMAGE, "0:0"), filesOf(BASE, "0:0")]);
  });

  const configOf = async (name: string) =>
    JSON.parse(await docker("image", "inspect", "--format", "{{json .Config}}", name));

  test("starts the service itself, as nobody in particular, and says how to reach, check and stop it", async () => {
    const config = await configOf(IMAGE);
    expect(config).toMatchObject({
      User: USER,
      WorkingDir: "/app",
      Entrypoint: ["node", "--enable-source-maps", "/app/main.mjs"],
      Cmd: ["serve"],
      ExposedPorts: { "8080/tcp": {}, "9090/tcp": {} },
      Healthcheck: { Test: ["CMD", "node", "/app/main.mjs", "healthcheck"] },
    });
    expect(Object.keys(config.ExposedPorts)).toHaveLength(2);
    // The service drains at this one, docker's default.
    expect(config.StopSignal ?? "SIGTERM").toBe("SIGTERM");
    expect(config.Volumes ?? {}).toEqual({});
    expect(config.Shell ?? []).toEqual([]);
    const { Interval, Timeout, Retries } = config.Healthcheck;
    expect(Interval / 1e9).toBeLessThanOrEqual(30);
    expect(Timeout).toBeLessThan(Interval);
    expect(Retries).toBeGreaterThan(0);
  });

  test("adds one variable to its base's", async () => {
    const [config, baseConfig] = await Promise.all([configOf(IMAGE), configOf(BASE)]);
    const added = config.Env.filter((variable: string) => !baseConfig.Env.includes(variable));
    expect(added).toEqual(["APP_ENV=production"]);
  });

  test("holds the bundle, its assets and its papers below /app", async () => {
    const migrations = await filesOfGit("internal/app/user-service/prisma/migrations");
    const configs = await filesOfGit("configs/user-service");
    const shipped = ["main.mjs", "main.mjs.map", "licenses.txt", "sbom.cdx.json", ...configs, ...migrations];
    expect(pathsOf(image.filter((file) => isBelowApp(file) && file.kind !== "folder"))).toEqual(
      shipped.map((path) => `/app/${path}`).sort(),
    );
  });

  test("leaves what lies below /app to root, for everybody to read", () => {
    const files = image.filter(isBelowApp);
    expect(pathsOf(files.filter(({ owner }) => owner !== "0:0"))).toEqual([]);
    expect(pathsOf(files.filter(({ kind }) => kind === "other"))).toEqual([]);
    const differing = files.filter(({ kind, mode }) => mode !== (kind === "folder" ? 0o755 : 0o644));
    expect(differing.map(({ path, mode }) => `${path} ${mode.toString(8)}`)).toEqual([]);
  });

  test("gives its user no more to write than the base does, even on a root that could be written", async () => {
    const [seen, seenInBase] = await Promise.all([filesOf(IMAGE, USER), filesOf(BASE, USER)]);
    const writable = (files: readonly ImageFile[]) => pathsOf(files.filter(({ isWritable }) => isWritable));
    expect(writable(seen)).toEqual(writable(seenInBase));
    expect(pathsOf(seen.filter((file) => isBelowApp(file) && !file.isReadable))).toEqual([]);
  });

  test("changes nothing of its base but for what it takes away", () => {
    const before = new Map(base.map((file) => [file.path, file]));
    const changed = image.filter((file) => {
      const { owner, mode, size } = before.get(file.path) ?? {};
      return !isBelowApp(file) && (owner !== file.owner || mode !== file.mode || size !== file.size);
    });
    expect(pathsOf(changed)).toEqual([]);
  });

  test("has nothing that installs software, and no file of secrets", () => {
    expect(pathsOf(image).filter((path) => INSTALLER.test(path) || SECRETS.test(path))).toEqual([]);
  });

  test("names TypeScript files and their lines in a stack trace", async () => {
    // The first word of the service on stderr, here that it is not configured, comes with the stack that leads there.
    const probe = [
      "const { stderr } = process, { write } = stderr;",
      "stderr.write = () => write.call(stderr, new Error('probe').stack);",
    ].join("\n");
    const variable = `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(probe)}`;
    const { stderr } = await run("docker", ["run", "--rm", "--network", "none", "--env", variable, IMAGE]);
    expect(stderr).toMatch(/cmd\/user-service\/main\.ts:\d+:\d+/);
    expect(stderr).not.toMatch(/main\.mjs:\d+/);
  });

  describe("built from a base and a checkout with more in them", () => {
    const tag = `hardening-${process.pid}`;
    const planted = [
      "configs/user-service/.env",
      "configs/user-service/local.json",
      "internal/app/user-service/prisma/migrations/.env",
      "internal/app/user-service/prisma/migrations/dump.sql",
      "cmd/user-service/.env",
      "pkg/.npmrc",
      ".env",
      ".npmrc",
    ];
    let checkout: string;
    let stocked: ImageFile[];

    beforeAll(async () => {
      checkout = await mkdtemp(join(tmpdir(), "hardening-"));
      await copyCheckout(checkout);
      for (const path of planted) await writeFile(join(checkout, path), "TOKEN=x\n");
      const dockerfile = join(checkout, "build/package/Dockerfile");
      await writeFile(dockerfile, stockBase(await readFile(dockerfile, "utf8")));
      await build(tag);
      stocked = await filesOf(`user-service:${tag}`, "0:0");
    }, 300_000);
    afterAll(async () => {
      await run("docker", ["image", "rm", `user-service:${tag}`, `user-service:${tag}-build`]);
      await rm(checkout, { recursive: true, force: true });
    });

    async function build(name: string, ...args: readonly string[]): Promise<void> {
      const built = await run(join(checkout, "scripts/image.sh"), ["user-service", name, ...args]);
      expect(built.code, built.stderr).toBe(0);
    }

    test("removes npm, corepack and yarn, wherever the public base image has them", () => {
      expect(pathsOf(stocked).filter((path) => INSTALLER.test(path))).toEqual([]);
    });

    test("has the same files, and none of those that git ignores", () => {
      expect(pathsOf(stocked.filter(isBelowApp))).toEqual(pathsOf(image.filter(isBelowApp)));
    });

    test("has not even seen those files while it was built", async () => {
      await build(`${tag}-build`, "--target", "build");
      const find = ["/src", "-name", "node_modules", "-prune", "-o", "-type", "f", "-printf", "%P\\n"];
      const sources = await docker("run", "--rm", "--entrypoint", "find", `user-service:${tag}-build`, ...find);
      expect(sources.split("\n")).toContain("configs/user-service/staging.json");
      expect(sources.split("\n").filter((path) => SECRETS.test(`/${path}`))).toEqual([]);
    }, 120_000);
  });
});

describe.skipIf(inject("dockerObstacle"))("the compose file", () => {
  type Port = string | { readonly host_ip?: string; readonly target: number };
  interface Service {
    readonly ports?: readonly Port[];
    readonly stop_grace_period?: string;
  }
  let services: Readonly<Record<string, Service>>;

  beforeAll(async () => {
    const { code, stdout, stderr } = await run(join(ROOT, "scripts/compose.sh"), ["--profile", "monitoring", "config"]);
    expect(code, stderr).toBe(0);
    services = parse(stdout).services;
  });

  test("confines the service as Kubernetes does", () => {
    const service = services["user-service"];
    expect(service).toMatchObject({
      read_only: true,
      init: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      restart: "on-failure",
    });
    const loosening = [
      "cap_add",
      "devices",
      "ipc",
      "network_mode",
      "pid",
      "privileged",
      "tmpfs",
      "user",
      "userns_mode",
    ];
    expect(Object.keys(service ?? {}).filter((key) => loosening.includes(key))).toEqual([]);
    expect(service).not.toHaveProperty("volumes");
  });

  test("gives the service the time that it needs to drain", async () => {
    const options = ["--rm", "--network", "none", "--env", "DATABASE_URL=postgresql://u:p@postgres/users"];
    const config = await docker("run", ...options, IMAGE, "config");
    const millisecondsOfOption = (key: string) => Number(new RegExp(`^${key} +(\\d+) ms`, "m").exec(config)?.[1]);
    const graceMs = millisecondsOf(services["user-service"]?.stop_grace_period);
    expect(graceMs).toBeGreaterThan(millisecondsOfOption("drainDelayMs") + millisecondsOfOption("drainTimeoutMs"));
    expect(graceMs).toBeGreaterThanOrEqual(millisecondsOfOption("terminationGracePeriodMs"));
  });

  test("shows nothing to other machines", () => {
    const published = Object.entries(services).map(([name, { ports = [] }]) => [name, ports.map(addressOf)]);
    expect(Object.fromEntries(published)).toEqual({
      "user-service": ["127.0.0.1:8080", "127.0.0.1:9090"],
      postgres: [],
      prometheus: ["127.0.0.1:9090"],
    });
  });

  /** docker-compose 1.x prints some as text, `127.0.0.1:9091:9090/tcp`. */
  function addressOf(port: Port): string {
    if (typeof port !== "string") return `${port.host_ip ?? "*"}:${port.target}`;
    const parts = port.replace(/\/tcp$/, "").split(":");
    return `${parts.length === 3 ? parts[0] : "*"}:${parts.at(-1)}`;
  }

  /** Of `30s` or `1m30s`. */
  function millisecondsOf(duration = ""): number {
    const [, minutes = 0, seconds = 0] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration) ?? [];
    return (Number(minutes) * 60 + Number(seconds)) * 1000;
  }
});

/** The files that git knows, or would if they were added, by their paths below the repository's root. */
async function filesOfGit(...folders: readonly string[]): Promise<string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", ...folders];
  const { stdout } = await run("git", ["-C", ROOT, ...args]);
  return stdout.split("\0").filter((path) => path && existsSync(join(ROOT, path)));
}

/** Copies what an image is built from. */
async function copyCheckout(target: string): Promise<void> {
  const sources = ["build", "cmd", "configs", "internal", "pkg", "scripts/image.sh", ".dockerignore"];
  for (const file of await filesOfGit(...sources, "package.json", "package-lock.json", "tsconfig.json")) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(target, file));
  }
}

/** The Dockerfile with a last stage whose base has what the public one has, where a stand-in may lack it. */
function stockBase(dockerfile: string): string {
  const stages = dockerfile.split(/^(?=FROM )/m);
  const last = stages.pop() ?? "";
  expect(last).toMatch(/^FROM \$\{NODE_IMAGE\}\n/);
  const leftovers = [
    "/usr/local/lib/node_modules/npm/bin/npm-cli.js",
    "/usr/local/lib/node_modules/corepack/dist/corepack.js",
    "/opt/yarn-v1.22.22/bin/yarn",
    ...["npm", "npx", "corepack", "yarn", "yarnpkg"].map((name) => `/usr/local/bin/${name}`),
  ];
  // Dockerfile's own arguments are unknown to a stage that does not ask for them.
  const stock = `FROM \${NODE_IMAGE} AS stocked\nRUN for file in ${leftovers.join(" ")}; do mkdir -p "$(dirname "$file")" && touch "$file"; done\n\n`;
  return [...stages, stock, last.replace(/^FROM \S+/, "FROM stocked")].join("");
}

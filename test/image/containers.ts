import { docker, eventually, run } from "./docker.ts";

/** The tag and the version of the image under test: of one that is there (TAG=1.2.3), or of what global-setup.ts builds. */
export const VERSION = process.env.TAG || "9.8.7-test";
export const IMAGE = `user-service:${VERSION}`;
export const POSTGRES_IMAGE = "postgres:17-trixie";

/** What Kubernetes enforces under Pod Security "restricted", with a read-only root. The user is the image's own. */
const CONFINED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

/** Containers on a network of their own, with a PostgreSQL that is up. */
export interface Containers {
  readonly databaseUrl: string;
  /** Runs the image until it ends. */
  runImage(args: readonly string[], options?: readonly string[]): ReturnType<typeof run>;
  /** Starts the image; resolves to the container's id. */
  startImage(options?: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

export async function startContainers(): Promise<Containers> {
  const name = `image-test-${process.pid}`;
  const started: string[] = [];
  await docker("network", "create", name);

  async function start(...args: readonly string[]): Promise<string> {
    const id = await docker("run", "--detach", "--network", name, ...args);
    started.push(id);
    return id;
  }
  async function remove(): Promise<void> {
    if (started.length > 0) await docker("rm", "--force", "--volumes", ...started);
    await docker("network", "rm", name);
  }

  try {
    const variables = ["POSTGRES_PASSWORD=secret", "POSTGRES_DB=users"].flatMap((each) => ["--env", each]);
    const postgres = await start("--network-alias", "postgres", ...variables, POSTGRES_IMAGE);
    const isUp = ["exec", postgres, "pg_isready", "--quiet", "--host=127.0.0.1"];
    await eventually(async () => (await run("docker", isUp)).code === 0 || undefined);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    databaseUrl: "postgresql://postgres:secret@postgres:5432/users",
    runImage: (args, options = []) =>
      run("docker", ["run", "--rm", "--network", name, ...CONFINED, ...options, IMAGE, ...args]),
    startImage: (options = []) =>
      start(...CONFINED, "--publish", "127.0.0.1::8080", "--publish", "127.0.0.1::9090", ...options, IMAGE),
    remove,
  };
}

/** Where a port of the container is reached from here. */
export async function addressOf(container: string, port: number): Promise<string> {
  return `http://${(await docker("port", container, String(port))).split("\n")[0]}`;
}

export interface LogLine {
  readonly message: string;
  readonly timestamp: string;
  readonly version: string;
}

/** Resolves to the first line with this message, once the container has logged it. */
export function logged(container: string, message: string): Promise<LogLine> {
  return eventually(async () => {
    const lines = (await docker("logs", container)).split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line): LogLine => JSON.parse(line)).find((line) => line.message === message);
  });
}

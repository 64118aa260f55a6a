// Runs a service on this machine: `node scripts/run.ts <service> [--watch]`, from the root of the repository.
// Without DATABASE_URL it brings a PostgreSQL server, whose data stay in .data/<service>.
// stdout is the service's; what the launcher says goes to stderr, so that the log can be piped.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { applyChanges } from "./dev/apply-changes.ts";
import { type ServiceProcess, startService } from "./dev/service-process.ts";
import { listenForStopSignals, type StopSignals } from "./dev/stop-signals.ts";
import { type SourceWatcher, watchSources } from "./dev/watch-sources.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";
import { EmbeddedPostgresError } from "./postgres/embedded-postgres-error.ts";

const usageError = 64; // EX_USAGE of sysexits.h
const unavailable = 69; // EX_UNAVAILABLE
const systemError = 71; // EX_OSERR, as the service itself ends when a port is in use
const killedByCtrlC = 130;
const endedByTerm = 143;
const sourceFolders = ["api", "cmd", "configs", "internal", "pkg"];
const restartPatienceMs = 3_000;

type Database = Pick<EmbeddedPostgres, "url" | "exited" | "stop"> & {
  /** Whether the launcher has brought it: then its password is nobody's secret. */
  readonly isOwn: boolean;
};

interface Session {
  readonly root: string;
  readonly name: string;
  readonly port: number | undefined;
  readonly adminPort: number | undefined;
  readonly signals: StopSignals;
}

async function main(): Promise<number> {
  const root = process.cwd();
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { watch: { type: "boolean" } } });
  const [name] = positionals;
  if (name === undefined || !existsSync(path.join(root, "cmd", name, "main.ts"))) {
    const services = await readdir(path.join(root, "cmd")).catch(() => []);
    say(`usage: node scripts/run.ts <service> [--watch]\nservices in cmd/: ${services.join(", ")}`);
    return usageError;
  }
  for (const variable of ["PORT", "ADMIN_PORT"]) {
    if (!/^0+$/.test(process.env[variable] ?? "")) continue;
    say(`${variable}=0, any free port, is for tests: make run has to know what to print. Set another, or none`);
    return usageError;
  }
  const port = portOf(process.env.PORT, 8080);
  const adminPort = portOf(process.env.ADMIN_PORT, 9090);
  for (const [variable, value] of Object.entries({ PORT: port, ADMIN_PORT: adminPort })) {
    // Else the readiness of whatever listens there would be taken for the service's.
    if (value === undefined || !(await isListening(value))) continue;
    say(`port ${value} is in use by another program: stop it, or set ${variable} to another port`);
    return systemError;
  }
  const signals = listenForStopSignals();
  const database = await provideDatabase(root, name, signals);
  if (typeof database === "number") return database;
  const sources = values.watch ? watchSources({ root, folders: sourceFolders }) : undefined;
  if (sources) say(`watching ${sourceFolders.join(", ")}: save a file and the service starts anew`);
  try {
    return await serve({ root, name, port, adminPort, signals }, database, sources);
  } finally {
    sources?.close();
    await database.stop(signals.forced.aborted ? "immediate" : "fast");
  }
}

/** Resolves with an exit code when there is no database, or nobody waits for it any more. */
async function provideDatabase(root: string, name: string, signals: StopSignals): Promise<Database | number> {
  const url = process.env.DATABASE_URL;
  // With DATABASE_URL_FILE the service reads the URL by itself; an empty DATABASE_URL is not set.
  if (url || process.env.DATABASE_URL_FILE)
    return { url: url ?? "", isOwn: false, exited: new Promise(() => undefined), stop: async () => undefined };
  const started = performance.now();
  const dataDir = path.join(".data", name);
  try {
    const server = await startEmbeddedPostgres({
      dataDir: path.join(root, dataDir),
      database: name.replaceAll("-", "_"),
      log: say,
      signal: signals.requested,
    });
    signals.forced.addEventListener("abort", () => void server.stop("immediate"));
    say(`PostgreSQL on port ${server.port} in ${elapsed(started)}, data in ${dataDir}`);
    return { ...server, isOwn: true };
  } catch (error) {
    if (signals.requested.aborted) return signals.forced.aborted ? killedByCtrlC : 0;
    if (!(error instanceof EmbeddedPostgresError)) throw error;
    say(error.message);
    return unavailable;
  }
}

/** Keeps the service running until it ends, the database ends, or a signal asks for the end; resolves with the exit code. */
async function serve(session: Session, database: Database, sources: SourceWatcher | undefined): Promise<number> {
  const { root, name, adminPort, signals } = session;
  // Node keeps there what it has compiled: a restart takes two thirds of the time.
  const compileCache = path.join(root, ".cache", "node");
  const env = {
    APP_ENV: "development",
    NODE_COMPILE_CACHE: compileCache,
    ...process.env,
    DATABASE_URL: database.url,
  };
  let bannerShown = false;
  const start = (since = performance.now()) => {
    const service = startService({ root, name, env, adminPort });
    void service.ready.then(async (ready) => {
      if (!ready || signals.requested.aborted) return;
      say(`${name} ready in ${elapsed(since)}`);
      if (!bannerShown) say(await whatToTry(session, database));
      bannerShown = true;
    });
    return service;
  };

  const stopRequest = aborted(signals.requested).then(() => ({ what: "stop" }) as const);
  const databaseExit = database.exited.then((exit) => ({ what: "database exit", ...exit }) as const);
  const nextChange = async () => ({ what: "change", files: (await sources?.next()) ?? (await forever) }) as const;
  const exitOf = async (service: ServiceProcess) => ({ what: "exit", code: await service.exited }) as const;

  let service = start();
  signals.forced.addEventListener("abort", () => service.kill());
  let change = nextChange();
  let exit: ReturnType<typeof exitOf> | Promise<never> = exitOf(service);
  for (;;) {
    const event = await Promise.race([stopRequest, databaseExit, exit, change]);
    switch (event.what) {
      case "stop": {
        if (!service.hasExited()) say(`stopping ${name}; once more to kill it`);
        service.stop();
        const code = await service.exited;
        if (signals.forced.aborted) return killedByCtrlC;
        return sources || code === endedByTerm ? 0 : code;
      }
      case "database exit":
        say(`PostgreSQL has ended (exit code ${event.code}). The end of its log:\n${event.log}`);
        await end(service);
        return signals.forced.aborted ? killedByCtrlC : unavailable;
      case "exit":
        say(`${name} has ended (exit code ${event.code})`);
        if (!sources) return event.code;
        say("waiting for a change");
        exit = forever;
        break;
      case "change": {
        const since = performance.now();
        change = nextChange();
        if (!sources || !(await applyChanges(event.files, { root, sources, say, signal: signals.requested }))) break;
        say(`${summary(event.files)}: restarting ${name}`);
        await end(service);
        if (signals.requested.aborted) break;
        service = start(since);
        exit = exitOf(service);
      }
    }
  }
}

/** Stops a service, and kills it when it does not end in time. */
async function end(service: ServiceProcess): Promise<void> {
  service.stop();
  const timer = setTimeout(() => service.kill(), restartPatienceMs);
  await service.exited;
  clearTimeout(timer);
}

async function whatToTry({ root, name, port, adminPort }: Session, database: Database): Promise<string> {
  const text = await readFile(path.join(root, "cmd", name, "try.txt"), "utf8").catch(() => "");
  return text
    .replaceAll("{port}", String(port))
    .replaceAll("{adminPort}", String(adminPort))
    .replaceAll("{databaseUrl}", () => quotedUrl(database))
    .trimEnd();
}

/** As a shell takes it. What came from outside may hold a password, and is not repeated. */
function quotedUrl({ isOwn, url }: Database): string {
  if (isOwn) return `'${url}'`;
  return url === "" ? '"$(cat "$DATABASE_URL_FILE")"' : '"$DATABASE_URL"';
}

function summary([first = "", ...others]: readonly string[]): string {
  return others.length === 0 ? `${first} has changed` : `${first} and ${others.length} more have changed`;
}

/** Undefined for a value that is no fixed port: what is wrong with it, the service says. */
function portOf(value: string | undefined, standard: number): number | undefined {
  if (!value) return standard;
  return /^\d{1,5}$/.test(value) && Number(value) > 0 && Number(value) < 65_536 ? Number(value) : undefined;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: "localhost" });
  try {
    await Promise.race([once(socket, "connect"), sleep(1_000).then(() => Promise.reject(new Error("no answer")))]);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const forever = new Promise<never>(() => undefined);

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

function elapsed(since: number): string {
  return `${Math.round(performance.now() - since)} ms`;
}

function say(text: string): void {
  console.error(text);
}

// A terminal or a pipe that has gone must not end the launcher before it has ended what it started.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
process.exit(await main());

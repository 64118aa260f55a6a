// node serve.ts NAME: serves until its parent goes away or asks it to stop. Speaks to it over the channel of a fork.
import { SERVERS, type ServerName } from "./servers.ts";

/** What the parent may ask, and what it is told. */
export interface Reports {
  /** CPU time of this process so far, user and system, in microseconds. */
  cpu: number;
  /** Resident memory after garbage collection, in bytes. Needs --expose-gc. */
  memory: number;
}

export type Announcement = { readonly port: number };

const reports: Readonly<Record<keyof Reports, () => number>> = {
  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  memory() {
    if (!globalThis.gc) throw new Error("--expose-gc is missing");
    for (let i = 0; i < 4; i += 1) globalThis.gc();
    return process.memoryUsage.rss();
  },
};

process.on("message", (question: keyof Reports) => process.send?.(reports[question]()));
// What the server holds is of no interest, but for the log's last lines and the profile: both are written at exit.
process.on("disconnect", () => process.exit());

const name = process.argv[2] as ServerName;
if (!Object.hasOwn(SERVERS, name)) throw new Error(`the servers are ${Object.keys(SERVERS).join(", ")}`);
process.send?.({ port: await SERVERS[name]() } satisfies Announcement);

import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { EmbeddedPostgresError } from "./embedded-postgres-error.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";

/** Who PostgreSQL runs as. Everything undefined and empty: as the user who started this process. */
export interface PostgresAccount {
  readonly uid?: number;
  readonly gid?: number;
  /** Owner of the data, to whom files created beside it are given. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Stands before every command. */
  readonly prefix: readonly string[];
}

/**
 * PostgreSQL refuses to run as root. Root therefore starts it as the owner of the data, at first `nobody`, who exists
 * everywhere; no system user is created.
 * @param dataDir absolute; its parent exists
 * @throws EmbeddedPostgresError when the data belong to somebody else, or nobody may reach them.
 */
export function choosePostgresAccount(dataDir: string, binaries: PostgresBinaries): PostgresAccount {
  const user = process.getuid?.();
  const dataOwner = ownerOf(dataDir);
  if (user !== 0) {
    if (dataOwner === undefined || dataOwner.uid === user) return { prefix: [] };
    throw new EmbeddedPostgresError(
      `The data folder ${dataDir} belongs to user id ${dataOwner.uid}, and you are ${user} ` +
        "(`make run` as root leaves it to an unprivileged user).\n" +
        `Run as that user or as root, delete the folder (sudo rm -rf ${dataDir}), or set DATABASE_URL.`,
    );
  }
  const owner = dataOwner ?? { uid: idOfNobody("-u"), gid: idOfNobody("-g") };
  if (owner.uid === 0) {
    throw new EmbeddedPostgresError(
      `The data folder ${dataDir} belongs to root, as whom PostgreSQL refuses to run.\nGive it to another user (chown -R), delete it, or set DATABASE_URL.`,
    );
  }
  return accountThatReaches([path.dirname(dataDir), path.dirname(binaries.postgres)], owner);
}

function accountThatReaches(folders: readonly string[], owner: { uid: number; gid: number }): PostgresAccount {
  const probe = [
    "/bin/sh",
    "-c",
    'for folder; do cd "$folder" && test -r "$folder" || exit 1; done',
    "probe",
    ...folders,
  ];
  if (succeeds(probe, owner)) return { ...owner, owner, prefix: [] };
  // The clone lies where only root may go, as in /root or a `mktemp -d`. PostgreSQL resolves its own real path, so it
  // needs the way, not just the place: leave it that one capability of root's. access(2), which it uses, ignores
  // capabilities of a non-root user unless no_setuid_fixup is set (capabilities(7)).
  const prefix = [
    ...["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", "--securebits=+no_setuid_fixup"],
    ...["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"],
  ];
  if (succeeds([...prefix, ...probe])) return { owner, prefix };
  throw new EmbeddedPostgresError(
    `PostgreSQL does not run as root, and user id ${owner.uid} may not enter ${folders.join(" or ")}.\n` +
      "Move the clone to a folder that others may enter (chmod o+x), run as an ordinary user, or set DATABASE_URL.",
  );
}

function succeeds([command = "", ...args]: readonly string[], ids: { uid?: number; gid?: number } = {}): boolean {
  return spawnSync(command, args, { ...ids, cwd: "/", stdio: "ignore" }).status === 0;
}

function ownerOf(dataDir: string): { uid: number; gid: number } | undefined {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  // An empty folder, as a test's temporary one, is replaced by the first start.
  if (stat.uid === process.getuid?.() && readdirSync(dataDir).length === 0) return undefined;
  return { uid: stat.uid, gid: stat.gid };
}

function idOfNobody(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
}

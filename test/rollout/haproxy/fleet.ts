import { setTimeout as sleep } from "node:timers/promises";
import { type Run, runService } from "../../e2e/service-process.ts";
import type { Haproxy, Slot } from "./haproxy.ts";

/** What is rolled out: a program, and variables over those of the fleet. */
export interface Release {
  readonly program: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Processes of the service in slots behind a proxy, of which one is free: a release starts there before one goes. */
export interface Fleet {
  /** Brings instances up in all slots but one. */
  start(release: Release): Promise<void>;
  /** Replaces each instance: the new one is ready before the old one is told to end. Rejects when it does not become ready. */
  roll(release: Release): Promise<void>;
  /** Starts an instance in the free slot, or ends the first one; resolves when the proxy has noticed. */
  scaleUp(release: Release): Promise<void>;
  scaleDown(): Promise<void>;
  /** Sends SIGKILL to the first instance. Resolves when the proxy has noticed. */
  killOne(): Promise<void>;
  /** The exit codes of all that have ended by SIGTERM. */
  readonly exitCodes: readonly (number | string | null)[];
  stop(): Promise<void>;
}

/** How long a start, or a stop, may take. */
const PATIENCE_MS = 30_000;

export function createFleet(slots: readonly Slot[], proxy: Haproxy, env: NodeJS.ProcessEnv): Fleet {
  const running: { slot: Slot; run: Run }[] = [];
  const exitCodes: (number | string | null)[] = [];

  async function isSeenAs(slot: Slot, status: string, run?: Run): Promise<void> {
    let exit: { code: number | string | null } | undefined;
    void run?.exited.then((code) => {
      exit = { code };
    });
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(25)) {
      if ((await proxy.stateOf(slot)).status === status) return;
      if (exit) throw new Error(`the instance ended with ${exit.code}`);
    }
    throw new Error(`${slot.name} is not ${status} after ${PATIENCE_MS} ms`);
  }

  async function scaleUp(release: Release): Promise<void> {
    const slot = slots.find((each) => running.every((instance) => instance.slot !== each));
    if (!slot) throw new Error("no slot is free");
    const ports = { PORT: String(slot.port), ADMIN_PORT: String(slot.adminPort) };
    const run = runService({ ...env, ...release.env, ...ports }, { program: release.program });
    try {
      await isSeenAs(slot, "UP", run);
    } catch (error) {
      run.signal("SIGKILL");
      throw error;
    }
    running.push({ slot, run });
  }

  async function scaleDown(): Promise<void> {
    const instance = running.shift();
    if (!instance) throw new Error("no instance runs");
    instance.run.signal("SIGTERM");
    exitCodes.push(await instance.run.exited);
    await isSeenAs(instance.slot, "DOWN");
  }

  return {
    exitCodes,
    scaleUp,
    scaleDown,
    async start(release) {
      for (let i = 1; i < slots.length; i += 1) await scaleUp(release);
    },
    async roll(release) {
      for (let i = running.length; i > 0; i -= 1) {
        await scaleUp(release);
        await scaleDown();
      }
    },
    async killOne() {
      const instance = running.shift();
      if (!instance) throw new Error("no instance runs");
      instance.run.signal("SIGKILL");
      await instance.run.exited;
      await isSeenAs(instance.slot, "DOWN");
    },
    async stop() {
      for (const { run } of running) run.signal("SIGKILL");
      await Promise.all(running.map(({ run }) => run.exited));
    },
  };
}

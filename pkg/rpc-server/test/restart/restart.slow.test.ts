import { expect, test } from "vitest";
import { type Ending, startInstance } from "./instances.ts";
import { type Load, startLoad } from "./load.ts";

interface Outcome extends Pick<Load, "answered" | "lost"> {
  readonly exitCodes: (number | null)[];
  /** How many streams were opened for the calls over HTTP/2. */
  readonly streams: number;
}

/** Restarts two instances in turn, each when the other serves again, for as long as the load lasts. */
async function restartUnderLoad(ending: Ending, calls: number): Promise<Outcome> {
  const instances = await Promise.all([startInstance(), startInstance()]);
  const load = startLoad(instances, calls);
  let under = true;
  const done = load.done.then(() => {
    under = false;
  });
  await Promise.all(instances.map((instance) => load.answeredBy(instance)));

  const exitCodes: (number | null)[] = [];
  for (let turn = 0; under; turn += 1) {
    const instance = instances[turn % instances.length] as (typeof instances)[number];
    exitCodes.push(await instance.restart(ending));
    await load.answeredBy(instance);
  }
  await done;
  const { answered, lost } = load;
  process.stderr.write(
    `${ending}: ${exitCodes.length} restarts, answered ${JSON.stringify(answered)}, ` +
      `lost over HTTP/1.1 ${lost["HTTP/1.1"].length}, over HTTP/2 ${lost["HTTP/2"].length}\n`,
  );
  return { answered, lost, exitCodes, streams: instances.reduce((sum, { wire }) => sum + wire.streams, 0) };
}

test("restarting one of two instances again and again loses none of 20,000 calls", { timeout: 180_000 }, async () => {
  const { answered, lost, exitCodes, streams } = await restartUnderLoad("announce, pause, drain", 20_000);

  expect(lost).toEqual({ "HTTP/1.1": [], "HTTP/2": [] });
  expect(answered).toEqual({ "HTTP/1.1": 10_000, "HTTP/2": 10_000 });
  // Each was sent once: the client did not mend anything.
  expect(streams).toBe(10_000);
  expect(exitCodes.length).toBeGreaterThanOrEqual(6);
  // None was aborted by its server.
  expect(new Set(exitCodes)).toEqual(new Set([0]));
});

test("without the announcement, calls over HTTP/1.1 are lost; those over HTTP/2 are not", async () => {
  const { lost } = await restartUnderLoad("drain", 8_000);

  expect(lost["HTTP/1.1"]).not.toEqual([]);
  expect(lost["HTTP/2"]).toEqual([]);
});

test("without the drain, calls are lost over both versions of HTTP", async () => {
  const { lost } = await restartUnderLoad("close", 8_000);

  expect(lost["HTTP/1.1"]).not.toEqual([]);
  expect(lost["HTTP/2"]).not.toEqual([]);
});

import type { Call } from "./calls.ts";
import { openHttp1 } from "./http1-load.ts";
import { openHttp2 } from "./http2-load.ts";
import type { LoadConnection } from "./load-connection.ts";

export type HttpVersion = "1.1" | "2";

const SHAPE = {
  "1.1": { open: openHttp1, connections: 64, streams: 1 },
  "2": { open: openHttp2, connections: 8, streams: 16 },
} as const;

/** Open connections, ready to make calls. Throws what is wrong with any answer. */
export async function openLoad(version: HttpVersion, port: number, call: Call) {
  const { open, connections: count, streams } = SHAPE[version];
  const fault = Promise.withResolvers<never>();
  fault.promise.catch(() => {});
  const opening = Array.from({ length: count }, () => open(port, call, fault.reject));
  const connections: LoadConnection[] = await Promise.race([Promise.all(opening), fault.promise]);

  return {
    /** Makes calls for so long; resolves with how many were made, every one of them answered, and how long that took. */
    async run(durationMs: number): Promise<{ calls: number; elapsedMs: number }> {
      const startedMs = performance.now();
      for (const connection of connections) connection.start(streams);
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, durationMs);
      try {
        await Promise.race([timer.promise, fault.promise]);
        const calls = await Promise.all(connections.map((connection) => connection.finish()));
        return { calls: calls.reduce((sum, each) => sum + each, 0), elapsedMs: performance.now() - startedMs };
      } finally {
        clearTimeout(timeout);
      }
    },
    close() {
      for (const connection of connections) connection.close();
    },
  };
}

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy on 127.0.0.1 that does to its connections what networks and firewalls do. */
export interface TcpProxy {
  readonly port: number;
  /** The given URL, by way of the proxy. */
  readonly url: string;
  /** Ends all connections, and new ones as soon as they come, until `mend`. */
  cut(): void;
  /** Breaks all connections with an RST; new ones go through. */
  reset(): void;
  /** Swallows what is sent on all connections, and on new ones, until `mend`: then those swallowed from are dead. */
  blackHole(): void;
  /** The far ends go, and the near ones never hear of it, as when a firewall forgets a connection; new ones go through. */
  halfOpen(): void;
  /** Passes everything on `ms` later, until `mend`. */
  delay(ms: number): void;
  /** Ends the fault. */
  mend(): void;
  close(): Promise<void>;
}

/** @param target the URL of what is behind it */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  let fault: "none" | "cut" | "black hole" = "none";
  let delayMs = 0;

  const server = createServer((near) => {
    near.on("error", () => {});
    if (fault === "cut") {
      near.destroy();
      return;
    }
    const far = connect(Number(targetPort || 5432), hostname);
    const pair = { near, far };
    pairs.add(pair);
    far.on("error", () => {});
    const pass = (from: Socket, to: Socket) => {
      from.on("data", (chunk) => {
        if (fault === "black hole" || lost.has(from)) lost.add(from).add(to);
        else if (delayMs > 0) setTimeout(() => to.writable && to.write(chunk), delayMs);
        else to.write(chunk);
      });
      from.on("close", () => {
        if (fault === "black hole" || lost.has(from)) return;
        pairs.delete(pair);
        to.destroy();
      });
    };
    pass(near, far);
    pass(far, near);
  });
  /** Whose bytes have been swallowed: what came later would make no sense. */
  const lost = new WeakSet<Socket>();

  const endAll = (end: (socket: Socket) => void) => {
    for (const { near, far } of pairs) {
      end(near);
      far.destroy();
    }
    pairs.clear();
  };
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const url = new URL(target);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  return {
    port,
    url: url.href,
    cut() {
      fault = "cut";
      endAll((near) => near.destroy());
    },
    reset() {
      endAll((near) => near.resetAndDestroy());
    },
    blackHole() {
      fault = "black hole";
    },
    halfOpen() {
      for (const { near, far } of pairs) {
        lost.add(near).add(far);
        far.destroy();
      }
    },
    delay(ms) {
      delayMs = ms;
    },
    mend() {
      fault = "none";
      delayMs = 0;
    },
    async close() {
      endAll((near) => near.destroy());
      server.close();
      await once(server, "close");
    },
  };
}

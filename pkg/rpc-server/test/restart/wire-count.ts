import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A relay that counts the HTTP/2 streams that clients have opened through it. */
export interface WireCount {
  readonly port: number;
  readonly streams: number;
}

/** Length of what an HTTP/2 client sends before its first frame, and of a frame's head. Source: RFC 9113, 3.4 and 4.1. */
const PREFACE_BYTES = 24;
const HEAD_BYTES = 9;
const HEADERS = 1;

/** Relays connections to a port of 127.0.0.1. */
export async function startWireCount(targetPort: number): Promise<WireCount> {
  const sockets = new Set<Socket>();
  let streams = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    const count = frameReader((type) => {
      if (type === HEADERS) streams += 1;
    });
    client.on("data", count).pipe(target).pipe(client);
    for (const [socket, other] of [[client, target] as const, [target, client] as const]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    get streams() {
      return streams;
    },
  };
}

/** Tells the type of every frame, whatever pieces it comes in. */
function frameReader(onFrame: (type: number) => void): (chunk: Buffer) => void {
  let skip = PREFACE_BYTES;
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= skip + HEAD_BYTES) {
      onFrame(rest.readUInt8(skip + 3));
      const next = skip + HEAD_BYTES + rest.readUIntBE(skip, 3);
      const present = Math.min(next, rest.length);
      rest = rest.subarray(present);
      skip = next - present;
    }
  };
}

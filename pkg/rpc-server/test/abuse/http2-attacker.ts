import type { Socket } from "node:net";
import { encodeFrame, FrameFlag, FrameType } from "../frame-client.ts";
import { closed, pour, type Target } from "./target.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const INITIAL_WINDOW_SIZE = 4;
const LAST_PING = Buffer.from("the last");

/** An HTTP/2 connection below any library: it sends what it is told, and counts what comes. */
export interface Http2Attacker {
  readonly socket: Socket;
  /** Streams that the server reset, with the code it gave. */
  readonly resets: ReadonlyMap<number, number>;
  /** Streams whose answer has begun. */
  readonly answered: ReadonlySet<number>;
  /** Resolves when the server has done with all that was sent: it answers a ping, or has closed the connection. */
  settled(): Promise<void>;
  /** The code of the server's last GOAWAY. Source: RFC 9113, 7. */
  goaway(): number | undefined;
}

export interface Http2AttackerOptions {
  /** SETTINGS_INITIAL_WINDOW_SIZE: how much of each answer the server may send unasked. Default: RFC 9113's 65,535. */
  readonly windowBytes?: number;
  /** Whether the server's SETTINGS are acknowledged, and with them its limit of streams. Default: true. */
  readonly acknowledges?: boolean;
}

/** Opens one and sends the preface and SETTINGS. It answers no ping. */
export async function openHttp2(
  target: Target,
  { windowBytes = 65_535, acknowledges = true }: Http2AttackerOptions = {},
): Promise<Http2Attacker> {
  const socket = await target.open();
  const resets = new Map<number, number>();
  const answered = new Set<number>();
  let goaway: number | undefined;
  const pong = Promise.withResolvers<void>();
  let unread: Buffer = Buffer.alloc(0);

  socket.on("data", (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
      const end = 9 + unread.readUIntBE(0, 3);
      onFrame(unread.readUInt8(3), unread.readUInt8(4), unread.readUInt32BE(5), unread.subarray(9, end));
      unread = unread.subarray(end);
    }
  });

  function onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === FrameType.rstStream) resets.set(streamId, payload.readUInt32BE(0));
    if (type === FrameType.headers) answered.add(streamId);
    if (type === FrameType.ping && payload.equals(LAST_PING)) pong.resolve();
    if (type === FrameType.goaway) goaway = payload.readUInt32BE(4);
    if (type === FrameType.settings && flags === 0 && acknowledges && socket.writable) {
      socket.write(encodeFrame({ type: FrameType.settings, flags: FrameFlag.ack }));
    }
  }

  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
  settings.writeUInt32BE(windowBytes, 2);
  socket.write(Buffer.concat([PREFACE, encodeFrame({ type: FrameType.settings, payload: settings })]));
  return {
    socket,
    resets,
    answered,
    async settled() {
      await pour(socket, encodeFrame({ type: FrameType.ping, payload: LAST_PING }));
      await Promise.race([pong.promise, closed(socket)]);
    },
    goaway: () => goaway,
  };
}

/** A request's HEADERS frame. Its streams are 1, 3, 5, …: `index` counts from 0. */
export function requestFrame(index: number, block: Uint8Array, flags: number = FrameFlag.endHeaders): Buffer {
  return encodeFrame({ type: FrameType.headers, flags, streamId: streamIdOf(index), payload: Buffer.from(block) });
}

export function streamIdOf(index: number): number {
  return 2 * index + 1;
}

/** A number as the four bytes that RST_STREAM and WINDOW_UPDATE carry. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

import { openSocket, type SocketOptions } from "./raw-http.ts";

/** One HTTP/2 frame. Source: RFC 9113, 4.1. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export const FrameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const;
export const FrameFlag = { ack: 1, endStream: 1, endHeaders: 4 } as const;

export interface FrameClient {
  send(frame: Partial<Frame>): void;
  /** The next frame of that type; others before it are dropped. */
  next(type: number): Promise<Frame>;
  /** Waits for a ping, and answers it; frames before it are dropped. */
  answerPing(): Promise<void>;
  /** Resolves when the server has closed the connection; frames before that are dropped. */
  ended(): Promise<void>;
  /** Ends the connection without a word. */
  cut(): void;
}

/** An HTTP/2 client that does nothing by itself: it acknowledges no settings, no ping, and obeys no GOAWAY. */
export async function openFrames(port: number, options?: SocketOptions): Promise<FrameClient> {
  const socket = await openSocket(port, options);
  const frames = readFrames(socket);
  const send = (frame: Partial<Frame>) => socket.write(encodeFrame(frame));
  const next = async (type: number) => {
    for (;;) {
      const { value, done } = await frames.next();
      if (done) throw new Error(`the connection ended before a frame of type ${type}`);
      if (value.type === type) return value;
    }
  };
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  send({ type: FrameType.settings });

  return {
    send,
    next,
    async answerPing() {
      const { payload } = await next(FrameType.ping);
      send({ type: FrameType.ping, flags: FrameFlag.ack, payload });
    },
    async ended() {
      for await (const _ of frames);
    },
    cut() {
      socket.destroy();
    },
  };
}

/** Headers as literals without indexing and Huffman code, up to 126 bytes each. Source: RFC 7541, 6.2.2. */
export function encodeHeaders(headers: Record<string, string>): Buffer {
  const literal = (text: string) => [Buffer.of(text.length), Buffer.from(text, "latin1")];
  return Buffer.concat(Object.entries(headers).flatMap((pair) => [Buffer.of(0), ...pair.flatMap(literal)]));
}

/** A request without a body, on stream 1. */
export function getRequest(path: string): Partial<Frame> {
  return {
    type: FrameType.headers,
    flags: FrameFlag.endHeaders | FrameFlag.endStream,
    streamId: 1,
    payload: encodeHeaders({ ":method": "GET", ":scheme": "http", ":authority": "a", ":path": path }),
  };
}

export function encodeFrame({ type = 0, flags = 0, streamId = 0, payload = Buffer.alloc(0) }: Partial<Frame>): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** The frames of what a server sends, from its first byte on. */
export async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame, undefined> {
  let buffered = Buffer.alloc(0);
  for await (const chunk of chunks) {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 9 && buffered.length >= 9 + buffered.readUIntBE(0, 3)) {
      const end = 9 + buffered.readUIntBE(0, 3);
      const payload = buffered.subarray(9, end);
      yield { type: buffered.readUInt8(3), flags: buffered.readUInt8(4), streamId: buffered.readUInt32BE(5), payload };
      buffered = buffered.subarray(end);
    }
  }
  return undefined;
}

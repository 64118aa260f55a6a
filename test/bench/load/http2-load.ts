import { connect, type Socket } from "node:net";
import type { Call } from "./calls.ts";
import { expectHeader } from "./calls.ts";
import { createHeaderDecoder, encodeHeaderBlocks, type Header } from "./hpack.ts";
import type { LoadConnection } from "./load-connection.ts";

const FRAME = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
const FLAG = { ack: 1, endStream: 1, endHeaders: 4, padded: 8 } as const;
const INITIAL_WINDOW_SIZE = 4;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** What we let the server send at once: never what holds it back. */
const RECEIVE_WINDOW = 2 ** 30;

/** What servers let us send at once, if they do not say otherwise. Source: RFC 9113, 6.9.2. */
const DEFAULT_WINDOW = 65_535;

/**
 * A connection that makes the same unary gRPC call over and over, and costs less than any server: requests are prebuilt,
 * every answer is checked: headers, message, trailers, end of stream. Anything unexpected is told to `onFault`.
 * Sources: RFC 9113; gRPC over HTTP2.
 */
export async function openHttp2(port: number, call: Call, onFault: (error: Error) => void): Promise<LoadConnection> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  const decoder = createHeaderDecoder();
  const requests = prebuild(port, call);
  const answers = createAnswerChecks(call);
  const inFlight = new Map<number, Answer>();
  const settled = Promise.withResolvers<void>();
  const idle = Promise.withResolvers<number>();
  let isFinishing = false;
  let calls = 0;
  let toStart = 0;
  let nextStreamId = 1;
  let sendWindow = DEFAULT_WINDOW;
  let received = 0;
  let rest: Buffer | undefined;

  function fail(error: Error): void {
    socket.destroy();
    settled.reject(error);
    idle.reject(error);
    onFault(error);
  }
  // Those who wait hear of it, and so does onFault: nobody has to do both.
  settled.promise.catch(() => {});
  idle.promise.catch(() => {});
  socket.on("error", fail);
  socket.on("close", () => {
    if (inFlight.size > 0) fail(new Error("the server closed the connection"));
  });
  socket.on("data", (chunk: Buffer) => {
    try {
      readFrames(chunk);
      startCalls();
      if (isFinishing && inFlight.size === 0) idle.resolve(calls);
    } catch (error) {
      fail(error as Error);
    }
  });

  function readFrames(chunk: Buffer): void {
    const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    while (at + 9 <= bytes.length) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const streamId = bytes.readUInt32BE(at + 5);
      readFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, streamId, bytes.subarray(at + 9, end));
      at = end;
    }
    rest = at < bytes.length ? bytes.subarray(at) : undefined;
  }

  function readFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === FRAME.data) {
      readData(flags, streamId, payload);
    } else if (type === FRAME.headers) {
      readHeaders(flags, streamId, payload);
    } else if (type === FRAME.windowUpdate) {
      if (streamId === 0) sendWindow += payload.readUInt32BE();
    } else if (type === FRAME.settings) {
      if (!(flags & FLAG.ack)) acceptSettings(payload);
    } else if (type === FRAME.ping) {
      if (!(flags & FLAG.ack)) socket.write(frame(FRAME.ping, FLAG.ack, 0, payload));
    } else if (type === FRAME.rstStream || type === FRAME.goaway) {
      throw new Error(`the server sent ${type === FRAME.goaway ? "GOAWAY" : "RST_STREAM"} ${payload.toString("hex")}`);
    }
  }

  function acceptSettings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      const isWindow = payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE;
      if (isWindow && payload.readUInt32BE(at + 2) < call.body.length)
        throw new Error("the request needs a larger window");
    }
    socket.write(frame(FRAME.settings, FLAG.ack, 0));
    settled.resolve();
  }

  function readHeaders(flags: number, streamId: number, payload: Buffer): void {
    if ((flags & (FLAG.endHeaders | FLAG.padded)) !== FLAG.endHeaders) throw new Error("split or padded headers");
    const answer = answerOf(streamId);
    const headers = decoder.decode(payload);
    if (flags & FLAG.endStream) {
      answers.checkEnd(answer, headers);
      inFlight.delete(streamId);
      calls += 1;
      toStart += 1;
    } else {
      answers.checkHead(answer, headers);
    }
  }

  function readData(flags: number, streamId: number, payload: Buffer): void {
    if (flags & (FLAG.padded | FLAG.endStream)) throw new Error("padded data, or an answer without trailers");
    answers.checkData(answerOf(streamId), payload);
    received += payload.length;
    if (received < RECEIVE_WINDOW / 2) return;
    socket.write(frame(FRAME.windowUpdate, 0, 0, uint32(received)));
    received = 0;
  }

  function answerOf(streamId: number): Answer {
    const answer = inFlight.get(streamId);
    if (!answer) throw new Error(`a frame of stream ${streamId}, which is not open`);
    return answer;
  }

  /** Starts what may be started, in one write. */
  function startCalls(): void {
    if (isFinishing) return;
    const count = Math.min(toStart, Math.floor(sendWindow / call.body.length));
    if (count === 0) return;
    const requestsToSend: Buffer[] = [];
    for (let i = 0; i < count; i += 1) {
      requestsToSend.push(nextStreamId === 1 ? requests.first(1) : requests.next(nextStreamId));
      inFlight.set(nextStreamId, { hasHead: false, length: 0, parts: undefined });
      nextStreamId += 2;
    }
    toStart -= count;
    sendWindow -= count * call.body.length;
    socket.write(count === 1 ? (requestsToSend[0] as Buffer) : Buffer.concat(requestsToSend));
  }

  socket.write(
    Buffer.concat([
      PREFACE,
      frame(FRAME.settings, 0, 0, Buffer.concat([uint16(INITIAL_WINDOW_SIZE), uint32(RECEIVE_WINDOW)])),
      frame(FRAME.windowUpdate, 0, 0, uint32(RECEIVE_WINDOW - DEFAULT_WINDOW)),
    ]),
  );
  await settled.promise;

  return {
    start(streams) {
      toStart += streams;
      startCalls();
    },
    finish() {
      isFinishing = true;
      if (inFlight.size === 0) idle.resolve(calls);
      return idle.promise;
    },
    close: () => closeQuietly(socket),
  };
}

function closeQuietly(socket: Socket): void {
  socket.removeAllListeners("close");
  socket.destroy();
}

interface Answer {
  hasHead: boolean;
  length: number;
  parts: Buffer[] | undefined;
}

/** The first answer is checked by what it means; once one is known to be right, all others byte by byte against it. */
function createAnswerChecks(call: Call) {
  let expected: Buffer | undefined;
  /** Arrays that the decoder gave before, and that were right. */
  const rightHeads = new WeakSet<readonly Header[]>();
  const rightTrailers = new WeakSet<readonly Header[]>();

  return {
    checkHead(answer: Answer, headers: readonly Header[]): void {
      if (answer.hasHead) throw new Error("two header blocks without an end");
      answer.hasHead = true;
      if (rightHeads.has(headers)) return;
      call.checkHeaders(new Map(headers));
      rightHeads.add(headers);
    },

    checkData(answer: Answer, bytes: Buffer): void {
      if (!answer.hasHead) throw new Error("data before headers");
      const end = answer.length + bytes.length;
      if (expected && !answer.parts) {
        const isRight = end <= expected.length && expected.compare(bytes, 0, bytes.length, answer.length, end) === 0;
        if (!isRight) throw new Error(`an answer differs from the first: ${bytes.toString("hex")}`);
      } else {
        answer.parts ??= [];
        answer.parts.push(Buffer.from(bytes));
      }
      answer.length = end;
    },

    checkEnd(answer: Answer, headers: readonly Header[]): void {
      if (!rightTrailers.has(headers)) {
        expectHeader(new Map(headers), "grpc-status", "0");
        rightTrailers.add(headers);
      }
      if (!answer.hasHead) throw new Error("an answer of nothing but trailers");
      if (answer.parts || !expected) {
        const body = Buffer.concat(answer.parts ?? []);
        call.checkBody(body);
        expected ??= body;
      } else if (answer.length !== expected.length) {
        throw new Error(`an answer of ${answer.length} bytes, not ${expected.length}`);
      }
    },
  };
}

/** The frames of the connection's first call, and of any later one. */
function prebuild(port: number, call: Call) {
  const blocks = encodeHeaderBlocks([
    [":method", call.method],
    [":scheme", "http"],
    [":path", call.path],
    [":authority", `127.0.0.1:${port}`],
    ...call.headers,
  ]);
  const build = (block: Buffer) => {
    const template = Buffer.concat([
      frame(FRAME.headers, FLAG.endHeaders, 0, block),
      frame(FRAME.data, FLAG.endStream, 0, call.body),
    ]);
    return (streamId: number) => {
      const frames = Buffer.allocUnsafe(template.length);
      template.copy(frames);
      frames.writeUInt32BE(streamId, 5);
      frames.writeUInt32BE(streamId, 9 + block.length + 5);
      return frames;
    };
  };
  return { first: build(blocks.first), next: build(blocks.next) };
}

function frame(type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

import type { Socket } from "node:net";

/** What an HTTP/2 client with prior knowledge sends first. Source: RFC 9113, 3.4. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export type Protocol = "http1" | "http2";

/**
 * Tells which protocol a connection speaks from its first bytes; undefined while it can still be either. All that is
 * not HTTP/2's preface counts as HTTP/1.1, whose parser then says what is wrong with it.
 */
export function recognizeProtocol(bytes: Uint8Array): Protocol | undefined {
  const length = Math.min(bytes.length, PREFACE.length);
  if (PREFACE.compare(bytes, 0, length, 0, length) !== 0) return "http1";
  return length === PREFACE.length ? "http2" : undefined;
}

/**
 * Reads from a new connection until its protocol is certain, puts the bytes back, and calls `onProtocol`, once. A
 * connection that ends before, or takes longer than `timeoutMs`, is destroyed instead.
 */
export function sniffProtocol(socket: Socket, timeoutMs: number, onProtocol: (protocol: Protocol) => void): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(giveUp, timeoutMs);
  socket.on("readable", onReadable).on("end", giveUp).on("close", stop);

  // 'readable' and not 'data': pausing a flowing socket would leave it paused for the server that takes it over.
  function onReadable(): void {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const protocol = recognizeProtocol(seen);
    if (protocol === undefined) return;
    stop();
    socket.unshift(seen);
    onProtocol(protocol);
  }

  function giveUp(): void {
    stop();
    socket.destroy();
  }

  function stop(): void {
    clearTimeout(timer);
    socket.off("readable", onReadable).off("end", giveUp).off("close", stop);
  }
}

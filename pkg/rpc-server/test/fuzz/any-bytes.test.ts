import fc from "fast-check";
import { expect, test } from "vitest";
import { clientKind } from "../echo-clients.ts";
import { encodeFrame } from "../frame-client.ts";
import { openSocket } from "../raw-http.ts";
import { startEchoServer } from "../start-echo-server.ts";

const numRuns = Number(process.env.FUZZ_RUNS ?? 200);
const UNARY = "/echo.v1.EchoService/Echo";
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const frame = fc
  .record({
    type: fc.nat({ max: 10 }),
    flags: fc.nat({ max: 255 }),
    streamId: fc.constantFrom(0, 1, 2, 3, 2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
  })
  .map(encodeFrame);
const http2 = fc
  .array(frame, { maxLength: 8 })
  .map((frames) => Buffer.concat([PREFACE, encodeFrame({ type: 4 }), ...frames]));
const http1 = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "OPTIONS", "CONNECT", "PRI"),
    target: fc.oneof(fc.constant(UNARY), fc.string()),
    headers: fc.array(fc.tuple(fc.constantFrom("host", "content-type", "content-length", "x", "te"), fc.string())),
    body: bytes,
  })
  .map(({ method, target, headers, body }) => {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\nhost: a\r\n${lines}\r\n`), body]);
  });
const grpcBody = bytes.map((body) =>
  Buffer.concat([
    Buffer.from(
      `POST ${UNARY} HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]),
);

test("no bytes on the port end the server or reach onError", async () => {
  const { port, baseUrl, errors } = await startEchoServer();
  const client = clientKind("grpc-js").connect(baseUrl);
  await fc.assert(
    fc.asyncProperty(fc.oneof(bytes, http1, http2, grpcBody), fc.boolean(), async (input, reset) => {
      const socket = await openSocket(port);
      await new Promise((sent) => socket.write(input, sent));
      if (reset) socket.resetAndDestroy();
      else socket.destroySoon();
      await expect(client.unary("alive")).resolves.toBe("alive");
    }),
    { numRuns, seed: 20261120 },
  );
  await expect(clientKind("connect over HTTP/1.1").connect(baseUrl).unary("alive")).resolves.toBe("alive");
  expect(errors).toEqual([]);
});

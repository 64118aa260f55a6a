import { once } from "node:events";
import { expect, test } from "vitest";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";
import { exchange, openSocket, readUntil } from "./raw-http.ts";
import { startEchoServer } from "./start-echo-server.ts";

const PATH = "/echo.v1.EchoService/Echo";
const BAD = "GET / HTTP/1.1\r\nBad Header\r\n\r\n";
const echo = (text: string) =>
  `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${text.length + 11}\r\n\r\n{"text":"${text}"}`;

test.each([
  ["a refusal, and then a request that is none", `GET /nobody HTTP/1.1\r\nHost: a\r\n\r\n${BAD}`, "404"],
  [
    "a refusal whose body is no chunk",
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n`,
    "415",
  ],
  [
    "a refusal, and then CONNECT",
    "GET /nobody HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "404",
  ],
])("what was answered is sent before the connection ends: %s", async (_, bytes, status) => {
  const { port } = await startEchoServer();
  expect(await exchange(port, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

test("answers to pipelined requests come in their order, also when later ones are ready first", async () => {
  const slow = Promise.withResolvers<void>();
  const { port } = await startEchoServer({
    routes: (router) =>
      router.rpc(EchoService.method.echo, async ({ text }) => {
        if (text === "slow") await slow.promise;
        return { text };
      }),
  });
  const socket = await openSocket(port);
  socket.write(["a", "slow", "b", "c"].map(echo).join(""));
  setImmediate(slow.resolve);
  const received = await readUntil(socket, /"c"/);
  expect(received.match(/(?<="text":")\w+/g)).toEqual(["a", "slow", "b", "c"]);
});

test("answers are written when the turn is over, many of them together", async () => {
  const { port } = await startEchoServer();
  const sockets = await Promise.all(Array.from({ length: 20 }, () => openSocket(port)));
  const answers = sockets.map((socket) => readUntil(socket, /"x"/));
  for (const socket of sockets) socket.write(echo("x"));
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 200 /);
});

test("a client that ends its side after its requests gets all answers", async () => {
  const { port } = await startEchoServer();
  const socket = await openSocket(port);
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    received += chunk;
  });
  socket.end(echo("a") + echo("b"));
  await once(socket, "close");
  expect(received.match(/(?<="text":")\w+/g)).toEqual(["a", "b"]);
});

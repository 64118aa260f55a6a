import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { exchange } from "../raw-http.ts";
import { startEchoServer } from "../start-echo-server.ts";
import { type ExpectedAnswer, type Fault, judgeFaults } from "./judge-fault.ts";
import { getWires } from "./wires.ts";

/** Source: Connect protocol, Unary-Get-Request. */
function badQuery(fault: string, query: string, answer: ExpectedAnswer): Fault {
  return { fault, on: getWires, request: ({ path }) => ({ path: path + query }), answer };
}

const invalid = { code: Code.InvalidArgument };
const HI = "%7B%22text%22%3A%22hi%22%7D";

judgeFaults([
  badQuery("no query at all", "", { httpStatus: 415 }),
  badQuery("no encoding", `?connect=v1&message=${HI}`, { httpStatus: 415 }),
  badQuery("an unknown encoding", `?encoding=xml&message=${HI}`, { httpStatus: 415 }),
  badQuery("no message", "?encoding=json", { ...invalid, message: /message/ }),
  badQuery("no message in binary", "?encoding=proto", { ...invalid, message: /message/ }),
  badQuery("an empty message in binary", "?encoding=proto&message=&base64=1", { text: "" }),
  badQuery("a message that is no base64", "?encoding=proto&base64=1&message=%21%21", { ...invalid, message: /base64/ }),
  badQuery("base64 of the standard alphabet", "?encoding=proto&base64=1&message=CgJoaQ%3D%3D", {}),
  badQuery("base64 for URLs", "?encoding=proto&base64=1&message=CgJoaQ", {}),
  badQuery("a message that is not UTF-8", "?encoding=json&message=%7B%22text%22%3A%22%FF%22%7D", invalid),
  badQuery("an unknown compression", `?encoding=json&message=${HI}&compression=snappy`, {
    code: Code.Unimplemented,
    message: /supported are gzip/,
  }),
  badQuery("compression of what is not compressed", `?encoding=json&message=${HI}&compression=gzip`, invalid),
  badQuery("a parameter nobody knows", `?encoding=json&message=${HI}&x=%zz&&=`, {}),
]);

test("a body is not kept: it takes nothing of what connections may hold", async () => {
  const { port } = await startEchoServer({ maxConnectionBufferBytes: 1_000 });
  const head = `GET /echo.v1.EchoService/Echo?encoding=json&message=${HI} HTTP/1.1`;
  const body = "x".repeat(10_000);
  const answer = await exchange(
    port,
    `${head}\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
});

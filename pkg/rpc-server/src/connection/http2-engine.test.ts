import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { withDefaults } from "../options.ts";
import { ByteBudget } from "./byte-budget.ts";
import { createHttp2Engine } from "./http2-engine.ts";

const SETTINGS = 4;

test("a session that drains the moment it is made still sends its SETTINGS first", async () => {
  const settings = withDefaults({ routes: () => {} });
  const state = {
    budget: new ByteBudget(1),
    maxConnectionBufferBytes: 1,
    nowMs: 0,
    isDraining: false,
  };
  const engine = createHttp2Engine(settings, state, () => {});
  const listener = createServer((socket) => {
    socket.on("error", () => {});
    engine.serve(socket);
    void engine.drain(50);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connect((listener.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => {
    client.destroy();
    listener.close();
  });
  client.on("error", () => {}).write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const [bytes] = await once(client, "data");
  expect(bytes[3]).toBe(SETTINGS);
});

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startEchoServer } from "./start-echo-server.ts";

const CLIENTS = 1_500;
const LINUX_LIMIT = "/proc/sys/net/core/somaxconn";

/** Opens connections, and prints how many there are once there are all of them, or after 5 s. */
const OPEN_CONNECTIONS = `
  const [port, count] = process.argv.slice(1).map(Number);
  let open = 0;
  const end = () => { console.log(open); process.exit(); };
  for (let i = 0; i < count; i++)
    require("node:net").connect(port, "127.0.0.1", () => { if (++open === count) end(); }).on("error", () => {});
  setTimeout(end, 5_000);
`;

test.skipIf(process.platform !== "linux")("a crowd of clients is taken in while the server is busy", async () => {
  const { port } = await startEchoServer();
  const expected = Math.min(CLIENTS, Number(readFileSync(LINUX_LIMIT, "utf8")));
  // Synchronous: nothing is accepted meanwhile, all waits in the kernel.
  const { stdout } = spawnSync(process.execPath, ["--eval", OPEN_CONNECTIONS, String(port), String(expected)]);
  expect(Number(stdout)).toBe(expected);
});

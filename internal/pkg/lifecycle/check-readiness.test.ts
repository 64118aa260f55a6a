import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { checkReadiness } from "./check-readiness.ts";

async function startAdmin(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test("a service whose /readyz says 200 is ready; an empty host is this machine", async () => {
  const asked: unknown[] = [];
  const adminPort = await startAdmin((request, response) => {
    asked.push(request.url);
    response.end("ok\n");
  });
  await checkReadiness({ host: "", adminPort });
  await checkReadiness({ host: "127.0.0.1", adminPort });
  expect(asked).toEqual(["/readyz", "/readyz"]);
});

test("one that says 503 is not", async () => {
  const adminPort = await startAdmin((_request, response) => response.writeHead(503).end("not ready\n"));
  await expect(checkReadiness({ host: "", adminPort })).rejects.toMatchObject({
    exitCode: 69,
    message: `not ready: /readyz on port ${adminPort} says 503`,
  });
});

test("one that never answers is not, after 2 s", async () => {
  const adminPort = await startAdmin(() => {});
  await expect(checkReadiness({ host: "", adminPort })).rejects.toMatchObject({
    exitCode: 69,
    message: `admin port ${adminPort}: no answer within 2000 ms`,
  });
});

test("where nothing listens the error's code is told", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(checkReadiness({ host: "", adminPort: port })).rejects.toMatchObject({
    exitCode: 69,
    message: `admin port ${port}: ECONNREFUSED`,
  });
});

test("a port that is chosen at start cannot be asked", async () => {
  await expect(checkReadiness({ host: "", adminPort: 0 })).rejects.toMatchObject({ exitCode: 78 });
});

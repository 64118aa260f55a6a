import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createRpcServer } from "../../src/index.ts";
import { echoService } from "../echo-service.ts";
import { EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import type { Ending, InstanceMessage } from "./instances.ts";

// One instance of a service behind a load balancer: serves until its parent tells it how to end, or is gone.
const [, , port] = process.argv;
/** As long as a load balancer may need to hear of it. */
const PAUSE_MS = 200;

function tell(message: InstanceMessage): void {
  process.send?.(message);
}

const server = createRpcServer({ routes: (router) => router.service(EchoService, echoService) });
process.once("disconnect", () => process.exit(1));
tell({ port: (await server.listen({ port: Number(port), host: "127.0.0.1" })).port });

const [ending] = (await once(process, "message")) as [Ending];
let abortedCalls = 0;
if (ending === "announce, pause, drain") {
  server.announceDrain();
  tell("draining");
  await sleep(PAUSE_MS);
}
if (ending === "close") await server.close();
else ({ abortedCalls } = await server.drain({ timeoutMs: 10_000 }));
process.exit(abortedCalls === 0 ? 0 : 1);

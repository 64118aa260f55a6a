import { inspect } from "node:util";
import { createRpcServer } from "../../src/index.ts";
import { echoService } from "../echo-service.ts";
import { EchoService } from "../gen/echo/v1/echo_service_pb.ts";

// Serves the echo service with the options that the first argument holds as JSON. Says its port on standard output, and
// what onError is told on standard error.
const server = createRpcServer({
  ...JSON.parse(process.argv[2] ?? "{}"),
  routes: (router) => router.service(EchoService, echoService),
  onError: (error) => process.stderr.write(`onError: ${inspect(error)}\n`),
});
const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
process.stdout.write(`${port}\n`);
// Ends with the test run, however that ends.
process.stdin.on("end", () => process.exit()).resume();

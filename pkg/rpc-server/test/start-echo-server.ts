import { onTestFinished } from "vitest";
import { createRpcServer, type RpcServer, type RpcServerOptions } from "../src/index.ts";
import { echoService } from "./echo-service.ts";
import { EchoService } from "./gen/echo/v1/echo_service_pb.ts";

export interface EchoServer {
  readonly server: RpcServer;
  readonly port: number;
  readonly baseUrl: string;
  /** What onError was told. */
  readonly errors: unknown[];
}

/** Starts an echo server on a free port of 127.0.0.1; it is closed when the test ends. */
export async function startEchoServer(options: Partial<RpcServerOptions> = {}): Promise<EchoServer> {
  const errors: unknown[] = [];
  const server = createRpcServer({
    routes: (router) => router.service(EchoService, echoService),
    onError: (error) => errors.push(error),
    ...options,
  });
  const { port } = await server.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  return { server, port, baseUrl: `http://127.0.0.1:${port}`, errors };
}

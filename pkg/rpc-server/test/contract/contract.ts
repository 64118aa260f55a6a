import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CallOptions,
  type Client,
  type ConnectRouter,
  type ConnectRouterOptions,
  createClient,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { echoService } from "../echo-service.ts";
import { type EchoRequestSchema, EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { type ServerKind, serverKinds } from "./contract-servers.ts";
import { connect, connectGet, grpc, grpcWeb, type Wire } from "./contract-wires.ts";

/** What a row of the contract puts on a server. */
export interface Setup {
  /** Handlers that replace the echo service's. */
  readonly service?: Partial<ServiceImpl<typeof EchoService>>;
  /** The third argument of router.service(). */
  readonly serviceOptions?: ConnectRouterOptions;
  /** Registers everything instead of the echo service. */
  readonly routes?: (router: ConnectRouter) => void;
  readonly interceptors?: readonly Interceptor[];
}

/** A successful unary call as its client sees it. */
export interface Answer {
  readonly text: string;
  readonly header: Headers;
  readonly trailer: Headers;
}

/** A client of a server that was set up. */
export interface Caller {
  readonly baseUrl: string;
  readonly client: Client<typeof EchoService>;
  /** Calls Echo; rejects with a ConnectError. */
  echo(request: string | MessageInitShape<typeof EchoRequestSchema>, options?: CallOptions): Promise<Answer>;
}

/** Where a row runs: on one server, spoken to in one protocol. */
export interface Place {
  readonly name: string;
  readonly server: ServerKind["name"];
  readonly wire: Wire;
  start(setup?: Setup): Promise<Caller>;
}

/**
 * Every server, spoken to in every one of these protocols, for describe.each: what a row asserts, it asserts of
 * connect-node and of ours. That is the contract.
 */
function places(wires: readonly Wire[]): Place[] {
  return wires.flatMap((wire) =>
    serverKinds.map((server) => ({
      name: `${server.name}, ${wire.name}`,
      server: server.name,
      wire,
      start: (setup = {}) => start(server, wire, setup),
    })),
  );
}

export const unaryPlaces: readonly Place[] = places([grpc, grpcWeb, connect, connectGet]);
export const streamPlaces: readonly Place[] = places([grpc, grpcWeb, connect]);

async function start(server: ServerKind, wire: Wire, setup: Setup): Promise<Caller> {
  const register = (router: ConnectRouter) =>
    router.service(EchoService, setup.service ?? echoService, setup.serviceOptions);
  const baseUrl = await server.start(
    { routes: setup.routes ?? register, interceptors: setup.interceptors ?? [] },
    wire.httpVersion,
  );
  const client = createClient(EchoService, wire.connect(baseUrl));

  async function echo(
    request: string | MessageInitShape<typeof EchoRequestSchema>,
    options?: CallOptions,
  ): Promise<Answer> {
    let header = new Headers();
    let trailer = new Headers();
    const { text } = await client.echo(typeof request === "string" ? { text: request } : request, {
      ...options,
      onHeader: (received) => {
        header = received;
      },
      onTrailer: (received) => {
        trailer = received;
      },
    });
    return { text, header, trailer };
  }
  return { baseUrl, client, echo };
}

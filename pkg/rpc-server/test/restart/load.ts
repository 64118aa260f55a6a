import { EventEmitter, once } from "node:events";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import * as echo from "../gen/echo/v1/echo_service_pb.ts";
import type { Instance } from "./instances.ts";

/** How long a handler takes, in ms: calls must be in flight whenever an instance ends. */
const HANDLER_MS = [0, 5, 20, 60];
/** Calls in flight, over each version of HTTP. */
const WORKERS = 32;
const ECHO = `/${echo.EchoService.typeName}/${echo.EchoService.method.echo.name}`;

type HttpVersion = "HTTP/1.1" | "HTTP/2";

/** Makes the call of that number, once. Resolves with the instance that answered right. */
type Caller = (number: number) => Promise<Instance | undefined>;

export interface Load {
  /** Calls answered right, and what became of the others. */
  readonly answered: Record<HttpVersion, number>;
  readonly lost: Record<HttpVersion, string[]>;
  /** Resolves when all calls are made. */
  readonly done: Promise<void>;
  /** Resolves when the instance has answered over both versions of HTTP from now on, or all calls are made. */
  answeredBy(instance: Instance): Promise<void>;
}

/** Makes `calls` calls, half of them over each version of HTTP, to whichever of the instances is ready. */
export function startLoad(instances: readonly Instance[], calls: number): Load {
  const answered = { "HTTP/1.1": 0, "HTTP/2": 0 };
  const lost: Load["lost"] = { "HTTP/1.1": [], "HTTP/2": [] };
  const answers = new EventEmitter();
  const finished = new AbortController();

  async function work(version: HttpVersion, call: Caller, numbers: Iterator<number>): Promise<void> {
    for (let next = numbers.next(); !next.done; next = numbers.next()) {
      try {
        const instance = await call(next.value);
        answered[version] += 1;
        answers.emit(`${version} ${instance?.port}`);
      } catch (error) {
        lost[version].push(String(error));
      }
    }
  }

  function workers(version: HttpVersion, call: Caller): Promise<void>[] {
    const numbers = Array.from({ length: calls / 2 }, (_, number) => number).values();
    return Array.from({ length: WORKERS }, () => work(version, call, numbers));
  }

  const all = [...workers("HTTP/1.1", http1Caller(instances)), ...workers("HTTP/2", http2Caller(instances))];
  return {
    answered,
    lost,
    done: Promise.all(all).then(() => finished.abort()),
    async answeredBy({ port }) {
      const { signal } = finished;
      const versions = ["HTTP/1.1", "HTTP/2"].map((version) => once(answers, `${version} ${port}`, { signal }));
      await Promise.all(versions).catch((error) => {
        if (!signal.aborted) throw error;
      });
    },
  };
}

/** Connect over kept-alive connections, behind a load balancer that takes the instances that are ready in turn. */
function http1Caller(instances: readonly Instance[]): Caller {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return async (number) => {
    const choice = instances.filter(({ ready }) => ready);
    const instance = choice[number % choice.length];
    if (instance === undefined) throw new Error("no instance is ready");
    const call = request({
      agent,
      method: "POST",
      port: instance.port,
      host: "127.0.0.1",
      path: ECHO,
      headers: { "content-type": "application/json" },
    });
    call.end(JSON.stringify({ text: `call ${number}`, behaviour: { delayMs: delayOf(number) } }));
    const [response] = await once(call, "response");
    const body = await text(response);
    if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${body}`);
    requireEqual(JSON.parse(body).text, `call ${number}`);
    return instance;
  };
}

/**
 * gRPC, with grpc-js's own balancing between addresses. Every tenth call is a stream. No retry policy: what is left is
 * that a call which never left the client goes elsewhere. Node does not send a stream that it holds when it hears
 * GOAWAY, and with `grpc.enable_retries: 0` grpc-js would not send it at all. What else it does, the wire counts show.
 */
function http2Caller(instances: readonly Instance[]): Caller {
  const addresses = instances.map(({ wire }) => `127.0.0.1:${wire.port}`).join(",");
  const client = new Client(`ipv4:${addresses}`, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 200,
    "grpc.use_local_subchannel_pool": 1,
  });
  onTestFinished(() => client.close());
  return async (number) => {
    const peer = await (number % 10 === 9 ? streamed(client, number) : unary(client, number));
    return instances.find(({ wire }) => peer.endsWith(`:${wire.port}`));
  };
}

/** Resolves with the address that answered. */
function unary(client: Client, number: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      ECHO,
      (message: echo.EchoRequest) => Buffer.from(toBinary(echo.EchoRequestSchema, message)),
      (bytes) => fromBinary(echo.EchoResponseSchema, bytes).text,
      create(echo.EchoRequestSchema, { text: `call ${number}`, behaviour: { delayMs: delayOf(number) } }),
      (error, answer) => {
        if (error) reject(error);
        else if (answer !== `call ${number}`) reject(new Error(`answered ${answer}`));
        else resolve(call.getPeer());
      },
    );
  });
}

async function streamed(client: Client, number: number): Promise<string> {
  const call = client.makeServerStreamRequest(
    `/${echo.EchoService.typeName}/${echo.EchoService.method.echoServerStream.name}`,
    (message: echo.EchoServerStreamRequest) => Buffer.from(toBinary(echo.EchoServerStreamRequestSchema, message)),
    (bytes) => fromBinary(echo.EchoServerStreamResponseSchema, bytes).text,
    create(echo.EchoServerStreamRequestSchema, { text: `call ${number}`, count: 3, behaviour: { delayMs: 10 } }),
  );
  requireEqual((await call.toArray()).join(), Array(3).fill(`call ${number}`).join());
  return call.getPeer();
}

function delayOf(number: number): number {
  return HANDLER_MS[number % HANDLER_MS.length] ?? 0;
}

function requireEqual(answer: string, expected: string): void {
  if (answer !== expected) throw new Error(`answered ${answer} in place of ${expected}`);
}

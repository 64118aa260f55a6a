import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type DescMethodUnary, fromBinary, fromJson, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { credentials, Client as GrpcJsClient, type ServiceError } from "@grpc/grpc-js";
import { UserService } from "#api/user/v1/user_service_pb.ts";

const run = promisify(execFile);

/** What a client got: the answer as proto3 JSON, or the code in lower_snake_case and the text of the error. */
export type Outcome = { readonly body: JsonObject } | { readonly code: string; readonly message: string };

/** Calls a method of the user service by its name, with proto3 JSON. */
export interface Caller {
  call(method: string, request: JsonObject): Promise<Outcome>;
  close(): void;
}

export interface Client {
  readonly name: string;
  /** The program that must be installed for it. */
  readonly tool?: string;
  readonly open: (port: number) => Caller;
}

/** Every kind of client that the README promises. */
export const clients: readonly Client[] = [
  {
    name: "Connect JSON, HTTP/1.1",
    open: connectEs((baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })),
  },
  {
    name: "Connect binary, HTTP/1.1",
    open: connectEs((baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true })),
  },
  {
    name: "gRPC-Web, HTTP/1.1",
    open: connectEs((baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })),
  },
  {
    name: "Connect JSON, HTTP/2",
    open: connectEs((baseUrl, sessionManager) => createConnectTransport({ baseUrl, httpVersion: "2", sessionManager })),
  },
  {
    name: "gRPC-Web, HTTP/2",
    open: connectEs((baseUrl, sessionManager) => createGrpcWebTransport({ baseUrl, httpVersion: "2", sessionManager })),
  },
  {
    name: "gRPC, HTTP/2",
    open: connectEs((baseUrl, sessionManager) => createGrpcTransport({ baseUrl, sessionManager })),
  },
  { name: "@grpc/grpc-js", open: grpcJs },
  { name: "grpcurl", tool: "grpcurl", open: grpcurl },
  ...["grpc", "grpcweb", "connect"].map((protocol) => ({
    name: `buf curl --protocol ${protocol}`,
    tool: "buf",
    open: bufCurl(protocol),
  })),
  { name: "curl, HTTP/1.1", tool: "curl", open: curl("--http1.1") },
  { name: "curl --http2-prior-knowledge", tool: "curl", open: curl("--http2-prior-knowledge") },
  { name: "REST by fetch, HTTP/1.1", open: rest(byFetch) },
  { name: "REST by curl --http2-prior-knowledge", tool: "curl", open: rest(byCurl) },
];

/** Whether a program is installed. */
export async function isInstalled(tool: string): Promise<boolean> {
  return run(tool, ["--version"]).then(
    () => true,
    (error) => error.code !== "ENOENT",
  );
}

function methodOf(name: string): DescMethodUnary {
  for (const method of UserService.methods) {
    if (method.name === name && method.methodKind === "unary") return method as DescMethodUnary;
  }
  throw new Error(`the user service has no unary method ${name}`);
}

function connectEs(
  createTransport: (baseUrl: string, sessionManager: Http2SessionManager) => Transport,
): Client["open"] {
  return (port) => {
    const baseUrl = `http://127.0.0.1:${port}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const transport = createTransport(baseUrl, sessionManager);
    return {
      async call(name, request) {
        const method = methodOf(name);
        try {
          const { message } = await transport.unary(
            method,
            undefined,
            undefined,
            undefined,
            fromJson(method.input, request),
          );
          return { body: toJson(method.output, message) as JsonObject };
        } catch (error) {
          const { code, rawMessage } = ConnectError.from(error);
          return { code: snakeCase(Code[code]), message: rawMessage };
        }
      },
      close: () => sessionManager.abort(),
    };
  };
}

function grpcJs(port: number): Caller {
  const client = new GrpcJsClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    call(name, request) {
      const method = methodOf(name);
      return new Promise((resolve) => {
        client.makeUnaryRequest(
          `/${UserService.typeName}/${name}`,
          (json: JsonObject) => Buffer.from(toBinary(method.input, fromJson(method.input, json))),
          (bytes) => toJson(method.output, fromBinary(method.output, bytes)) as JsonObject,
          request,
          (error: ServiceError | null, body) => {
            if (error) resolve({ code: snakeCase(Code[error.code] ?? ""), message: error.details });
            else resolve({ body: body ?? {} });
          },
        );
      });
    },
    close: () => client.close(),
  };
}

function grpcurl(port: number): Caller {
  return program(async (name, json) => {
    // grpcurl knows a field mask as a message only: {"paths": ["display_name"]}.
    const request = json.replace(/"updateMask":"(\w+)"/, (_, path) => `"updateMask":{"paths":["${snakeCase(path)}"]}`);
    const target = [`127.0.0.1:${port}`, `${UserService.typeName}/${name}`];
    try {
      return { body: JSON.parse((await run("grpcurl", ["-plaintext", "-d", request, ...target])).stdout) };
    } catch (error) {
      const [, code = "", message = ""] = /Code: (\w+)\s+Message: (.*)/.exec(stderrOf(error)) ?? [];
      return { code: snakeCase(code), message };
    }
  });
}

function bufCurl(protocol: string): Client["open"] {
  return (port) =>
    program(async (name, request) => {
      const options = ["--protocol", protocol, "--http2-prior-knowledge", "--data", request];
      try {
        const { stdout } = await run("buf", [
          "curl",
          ...options,
          `http://127.0.0.1:${port}/${UserService.typeName}/${name}`,
        ]);
        return { body: JSON.parse(stdout) };
      } catch (error) {
        return JSON.parse(stderrOf(error));
      }
    });
}

function curl(version: string): Client["open"] {
  return (port) =>
    program(async (name, request) => {
      const options = ["--silent", version, "--header", "content-type: application/json", "--data", request];
      const { stdout } = await run("curl", [...options, `http://127.0.0.1:${port}/${UserService.typeName}/${name}`]);
      const answer = JSON.parse(stdout);
      return "code" in answer ? answer : { body: answer };
    });
}

/** A request as a REST client makes it, and what it gets. */
interface RestRequest {
  readonly method: string;
  readonly url: string;
  readonly body?: JsonObject;
}
type RestClient = (request: RestRequest) => Promise<JsonObject>;

/** The calls by the paths of their google.api.http annotations. */
function rest(send: RestClient): Client["open"] {
  return (port) => ({
    async call(method, request) {
      const { path, ...parts } = restRequest(method, request);
      let answer: JsonObject;
      try {
        answer = await send({ ...parts, url: `http://127.0.0.1:${port}${path}` });
      } catch (error) {
        // No answer at all.
        return { code: "unavailable", message: String((error as Error).cause ?? error) };
      }
      const { error } = answer as { error?: { status: string; message: string } };
      if (error) return { code: error.status.toLowerCase(), message: error.message };
      return { body: method === "DeleteUser" || method === "ListUsers" ? answer : { user: answer } };
    },
    close() {},
  });
}

function restRequest(method: string, request: JsonObject): Omit<RestRequest, "url"> & { path: string } {
  const { user, id, ...others } = request as { user?: JsonObject; id?: string } & Record<string, string>;
  const parameters = new URLSearchParams(others);
  const query = parameters.size > 0 ? `?${parameters}` : "";
  switch (method) {
    case "CreateUser":
      return { method: "POST", path: `/v1/users${query}`, ...(user && { body: user }) };
    case "ListUsers":
      return { method: "GET", path: `/v1/users${query}` };
    case "UpdateUser": {
      const { id: userId, ...body } = user ?? {};
      return { method: "PATCH", path: `/v1/users/${userId}${query}`, body };
    }
    default:
      return { method: method === "GetUser" ? "GET" : "DELETE", path: `/v1/users/${id}${query}` };
  }
}

async function byFetch({ method, url, body }: RestRequest): Promise<JsonObject> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(url, { method, ...init });
  return (await response.json()) as JsonObject;
}

async function byCurl({ method, url, body }: RestRequest): Promise<JsonObject> {
  const data = body === undefined ? [] : ["--json", JSON.stringify(body)];
  const options = ["--silent", "--http2-prior-knowledge", "--request", method, ...data];
  return JSON.parse((await run("curl", [...options, url])).stdout);
}

function program(call: (method: string, request: string) => Promise<Outcome>): Caller {
  return { call: (method, request) => call(method, JSON.stringify(request)), close() {} };
}

function stderrOf(error: unknown): string {
  if (error instanceof Error && "stderr" in error) return String(error.stderr);
  throw error;
}

function snakeCase(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}

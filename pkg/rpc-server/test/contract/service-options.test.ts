import { create } from "@bufbuild/protobuf";
import { Code, type Interceptor } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { type EchoRequest, EchoRequestSchema, EchoService } from "../gen/echo/v1/echo_service_pb.ts";
import { unaryPlaces } from "./contract.ts";

const PATH = "/echo.v1.EchoService/Echo";
const KIB = 1024;

/** gzip that counts what it is asked to do. */
function countedGzip() {
  const counted = { compressed: 0, decompressed: 0 };
  return {
    counted,
    compression: {
      name: "gzip",
      compress(bytes: Uint8Array) {
        counted.compressed++;
        return compressionGzip.compress(bytes);
      },
      decompress(bytes: Uint8Array, readMaxBytes: number) {
        counted.decompressed++;
        return compressionGzip.decompress(bytes, readMaxBytes);
      },
    },
  };
}

/** Posts JSON in the Connect protocol. */
async function postJson(baseUrl: string, body: string, headers?: Record<string, string>) {
  const response = await fetch(baseUrl + PATH, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: response.status, body: await response.json() };
}

const notGet = unaryPlaces.filter(({ wire }) => wire.requestMethod === "POST");
const connectOnly = notGet.filter(({ wire }) => wire.protocolName === "connect");

describe.each(notGet)("$name: a service's own options", ({ start, wire }) => {
  test("replace the server's interceptors", async () => {
    const ran: string[] = [];
    const named = (name: string) => {
      const interceptor: Interceptor = (next) => (request) => {
        ran.push(name);
        return next(request);
      };
      return interceptor;
    };
    const { echo } = await start({
      interceptors: [named("server")],
      serviceOptions: { interceptors: [named("service")] },
    });
    await echo("");
    expect(ran).toEqual(["service"]);
  });

  test("leave the server's interceptors when they name none", async () => {
    let ran = 0;
    const interceptor: Interceptor = (next) => (request) => {
      ran++;
      return next(request);
    };
    const { echo } = await start({ interceptors: [interceptor], serviceOptions: { readMaxBytes: 1_000 } });
    await echo("");
    expect(ran).toBe(1);
  });

  test("limit requests: readMaxBytes", async () => {
    const { echo } = await start({ serviceOptions: { readMaxBytes: 100 } });
    await expect(echo("x".repeat(200))).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await expect(echo("x".repeat(98))).resolves.toMatchObject({ text: "x".repeat(98) });
  });

  test("allow larger requests and answers than the server", async () => {
    const large = 6 * KIB * KIB;
    const { echo } = await start({ serviceOptions: { readMaxBytes: large, writeMaxBytes: large } });
    const { text } = await echo("x".repeat(5 * KIB * KIB));
    expect(text).toHaveLength(5 * KIB * KIB);
  });

  test("limit answers: writeMaxBytes", async () => {
    const { echo } = await start({ serviceOptions: { writeMaxBytes: 100 } });
    await expect(echo("x".repeat(200))).rejects.toMatchObject({ code: Code.ResourceExhausted });
    await expect(echo("x")).resolves.toMatchObject({ text: "x" });
  });

  test("refuse longer timeouts: maxTimeoutMs", async () => {
    const { echo } = await start({ serviceOptions: { maxTimeoutMs: 10_000 } });
    await expect(echo("", { timeoutMs: 20_000 })).rejects.toMatchObject({ code: Code.InvalidArgument });
    await expect(echo("hi", { timeoutMs: 5_000 })).resolves.toMatchObject({ text: "hi" });
    await expect(echo("hi")).resolves.toMatchObject({ text: "hi" });
  });

  test("are given to the decoder: binaryOptions", async () => {
    const unknown = create(EchoRequestSchema, { text: "hi" });
    unknown.$unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(1) }];
    const kept: unknown[] = [];
    const service = { echo: (request: EchoRequest) => ({ text: String(kept.push(request.$unknown?.length ?? 0)) }) };
    const byDefault = await start({ service });
    await byDefault.echo(unknown);
    const dropping = await start({ service, serviceOptions: { binaryOptions: { readUnknownFields: false } } });
    await dropping.echo(unknown);
    expect(kept).toEqual([1, 0]);
  });

  test("switch the protocol off", async () => {
    const off = { grpc: { grpc: false }, "grpc-web": { grpcWeb: false }, connect: { connect: false } };
    const { echo } = await start({ serviceOptions: off[wire.protocolName] });
    // 415 stands for no gRPC code. Source: gRPC, "HTTP to gRPC Status Code Mapping"; Connect has the same.
    await expect(echo("")).rejects.toMatchObject({ code: Code.Unknown });
  });

  test("leave the protocol on when another one is off", async () => {
    const others = {
      grpc: { grpcWeb: false, connect: false },
      "grpc-web": { grpc: false, connect: false },
      connect: { grpc: false, grpcWeb: false },
    };
    const { echo } = await start({ serviceOptions: others[wire.protocolName] });
    await expect(echo("hi")).resolves.toMatchObject({ text: "hi" });
  });

  test("compress answers from compressMinBytes on, with what acceptCompression lists", async () => {
    const { counted, compression } = countedGzip();
    const { echo } = await start({ serviceOptions: { acceptCompression: [compression], compressMinBytes: 50 } });
    await expect(echo("x".repeat(20))).resolves.toMatchObject({ text: "x".repeat(20) });
    expect(counted.compressed).toBe(0);
    await expect(echo("x".repeat(80))).resolves.toMatchObject({ text: "x".repeat(80) });
    expect(counted.compressed).toBe(1);
  });

  test("compress nothing when compressMinBytes is Infinity", async () => {
    const { counted, compression } = countedGzip();
    const { echo } = await start({ serviceOptions: { acceptCompression: [compression], compressMinBytes: Infinity } });
    await expect(echo("x".repeat(5_000))).resolves.toMatchObject({ text: "x".repeat(5_000) });
    expect(counted.compressed).toBe(0);
  });

  test("compress nothing when acceptCompression is empty", async () => {
    const { echo } = await start({ serviceOptions: { acceptCompression: [] } });
    const { header } = await echo("x".repeat(5_000));
    expect([header.get("grpc-encoding"), header.get("content-encoding")]).toEqual([null, null]);
  });

  test("hold for one method registered alone", async () => {
    const { echo } = await start({
      routes: (router) => router.rpc(EchoService.method.echo, ({ text }) => ({ text }), { readMaxBytes: 100 }),
    });
    await expect(echo("x".repeat(200))).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });
});

describe.each(connectOnly)("$name: a service's own options", ({ start }) => {
  test("are given to the JSON decoder and encoder: jsonOptions", async () => {
    const byDefault = await start();
    await expect(postJson(byDefault.baseUrl, '{"nobody":1}')).resolves.toEqual({ status: 200, body: {} });
    const told = await start({ serviceOptions: { jsonOptions: { ignoreUnknownFields: false } } });
    await expect(postJson(told.baseUrl, '{"nobody":1}')).resolves.toMatchObject({
      status: 400,
      body: { code: "invalid_argument" },
    });
    const full = await start({ serviceOptions: { jsonOptions: { alwaysEmitImplicit: true } } });
    await expect(postJson(full.baseUrl, "{}")).resolves.toEqual({ status: 200, body: { text: "" } });
  });

  test("ask for connect-protocol-version: requireConnectProtocolHeader", async () => {
    const { baseUrl, echo } = await start({ serviceOptions: { requireConnectProtocolHeader: true } });
    await expect(postJson(baseUrl, "{}")).resolves.toMatchObject({ status: 400, body: { code: "invalid_argument" } });
    const version = (value: string) => postJson(baseUrl, "{}", { "connect-protocol-version": value });
    await expect(version("9")).resolves.toMatchObject({ status: 400, body: { code: "invalid_argument" } });
    await expect(version("1")).resolves.toMatchObject({ status: 200 });
    await expect(echo("hi")).resolves.toMatchObject({ text: "hi" });
    const get = (query: string) => fetch(`${baseUrl + PATH}?encoding=json&message={}${query}`);
    expect([(await get("")).status, (await get("&connect=v1")).status]).toEqual([400, 200]);
  });
});

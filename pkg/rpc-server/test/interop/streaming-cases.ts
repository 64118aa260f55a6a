import { once } from "node:events";
import { type ClientReadableStream, compressionAlgorithms, type Metadata, status } from "@grpc/grpc-js";
import { expect } from "vitest";
import type { StreamingOutputCallResponse } from "../gen/grpc/testing/messages_pb.ts";
import { TestService } from "../gen/grpc/testing/test_pb.ts";
import { OpenRcaService } from "../gen/xds/service/orca/v3/orca_pb.ts";
import { customMetadata, type InteropCase } from "./unary-cases.ts";

const { method } = TestService;
const REQUEST_SIZES = [27_182, 8, 1_828, 45_904];
const ANSWER_SIZES = [31_415, 9, 2_653, 58_979];

const payload = (size: number) => ({ body: new Uint8Array(size) });

async function sizesOf(answers: ClientReadableStream<StreamingOutputCallResponse>): Promise<(number | undefined)[]> {
  const messages: StreamingOutputCallResponse[] = await answers.toArray();
  return messages.map((message) => message.payload?.body.length);
}

/** The messages of a stream, one at a time; `next` rejects with the call's ServiceError. */
function messagesOf<T>(call: ClientReadableStream<T>): AsyncIterator<T> {
  return call[Symbol.asyncIterator]();
}

export const streamingCases: readonly InteropCase[] = [
  {
    name: "client_streaming",
    async run(client) {
      const { call, answer } = client.clientStream(method.streamingInputCall);
      for (const size of REQUEST_SIZES) call.write({ payload: payload(size) });
      call.end();
      expect((await answer).aggregatedPayloadSize).toBe(74_922);
    },
  },
  {
    name: "client_compressed_streaming",
    goFlags: "not there",
    async run(plain, connect) {
      const gzip = connect({ "grpc.default_compression_algorithm": compressionAlgorithms.gzip });
      const send = (client: typeof plain) => {
        const { call, answer } = client.clientStream(method.streamingInputCall);
        for (const size of REQUEST_SIZES) call.write({ payload: payload(size), expectCompressed: { value: true } });
        call.end();
        return answer;
      };
      await expect(send(plain)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
      expect((await send(gzip)).aggregatedPayloadSize).toBe(74_922);
    },
  },
  {
    name: "server_streaming",
    async run(client) {
      const responseParameters = ANSWER_SIZES.map((size) => ({ size }));
      expect(await sizesOf(client.serverStream(method.streamingOutputCall, { responseParameters }))).toEqual(
        ANSWER_SIZES,
      );
    },
  },
  {
    name: "ping_pong",
    async run(client) {
      const call = client.bidiStream(method.fullDuplexCall);
      const answers = messagesOf(call);
      for (const [index, size] of ANSWER_SIZES.entries()) {
        call.write({ responseParameters: [{ size }], payload: payload(REQUEST_SIZES[index] ?? 0) });
        expect((await answers.next()).value.payload.body).toHaveLength(size);
      }
      call.end();
      expect(await answers.next()).toMatchObject({ done: true });
    },
  },
  {
    name: "empty_stream",
    async run(client) {
      const call = client.bidiStream(method.fullDuplexCall);
      call.end();
      expect(await sizesOf(call)).toEqual([]);
    },
  },
  {
    name: "half_duplex",
    goFlags: "not there",
    async run(client) {
      const call = client.bidiStream(method.halfDuplexCall);
      for (const size of ANSWER_SIZES) call.write({ responseParameters: [{ size }] });
      call.end();
      expect(await sizesOf(call)).toEqual(ANSWER_SIZES);
    },
  },
  {
    name: "timeout_on_sleeping_server",
    async run(client) {
      const call = client.bidiStream(method.fullDuplexCall, { options: { deadline: Date.now() + 1 } });
      call.write({ payload: payload(27_182) });
      await expect(messagesOf(call).next()).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    },
  },
  {
    name: "cancel_after_begin",
    async run(client) {
      const { call, answer } = client.clientStream(method.streamingInputCall);
      call.cancel();
      await expect(answer).rejects.toMatchObject({ code: status.CANCELLED });
    },
  },
  {
    name: "cancel_after_first_response",
    async run(client) {
      const call = client.bidiStream(method.fullDuplexCall);
      const answers = messagesOf(call);
      call.write({ responseParameters: [{ size: 31_415 }], payload: payload(27_182) });
      expect((await answers.next()).value.payload.body).toHaveLength(31_415);
      call.cancel();
      await expect(answers.next()).rejects.toMatchObject({ code: status.CANCELLED });
    },
  },
  {
    name: "status_code_and_message",
    async run(client) {
      const responseStatus = { code: 2, message: "test status message" };
      const expected = { code: 2, details: "test status message" };
      await expect(client.unary(method.unaryCall, { responseStatus })).rejects.toMatchObject(expected);
      const call = client.bidiStream(method.fullDuplexCall);
      call.write({ responseStatus });
      call.end();
      await expect(messagesOf(call).next()).rejects.toMatchObject(expected);
    },
  },
  {
    name: "custom_metadata",
    async run(client) {
      const metadata = customMetadata.create();
      const request = { responseSize: 1, payload: payload(1) };
      customMetadata.expectEchoed(await client.unary(method.unaryCall, request, { metadata }));

      const call = client.bidiStream(method.fullDuplexCall, { metadata });
      const received = Promise.all([once(call, "metadata"), once(call, "status")]);
      call.write({ responseParameters: [{ size: 1 }], payload: payload(1) });
      call.end();
      expect(await sizesOf(call)).toEqual([1]);
      const [[header], [end]] = (await received) as [[Metadata], [{ metadata: Metadata }]];
      customMetadata.expectEchoed({ header, trailer: end.metadata });
    },
  },
  {
    name: "orca_oob",
    goFlags: ['-service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'],
    async run(client) {
      const reports = client.serverStream(OpenRcaService.method.streamCoreMetrics, {
        reportInterval: { nanos: 5_000_000 },
      });
      const loads = messagesOf(reports);
      const call = client.bidiStream(method.fullDuplexCall);
      const answers = messagesOf(call);
      for (const cpuUtilization of [0.821, 0.29309]) {
        call.write({ orcaOobReport: { cpuUtilization }, responseParameters: [{ size: 1 }] });
        await answers.next();
        while ((await loads.next()).value.cpuUtilization !== cpuUtilization);
      }
      call.end();
      expect(await answers.next()).toMatchObject({ done: true });
      reports.cancel();
      await expect(loads.next()).rejects.toMatchObject({ code: status.CANCELLED });
    },
  },
];

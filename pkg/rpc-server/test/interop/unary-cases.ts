import { fromBinary } from "@bufbuild/protobuf";
import { type ClientOptions, compressionAlgorithms, Metadata, status } from "@grpc/grpc-js";
import { expect } from "vitest";
import { TestService, UnimplementedService } from "../gen/grpc/testing/test_pb.ts";
import { OrcaLoadReportSchema } from "../gen/xds/data/orca/v3/orca_load_report_pb.ts";
import type { InteropClient } from "./grpc-js-client.ts";

/** A case of the interop suite. */
export interface InteropCase {
  /** As the official client takes it. */
  readonly name: string;
  /** The official client's further flags. "not there": it lacks the case. Default: none. */
  readonly goFlags?: readonly string[] | "not there";
  /** The case for grpc-js; `connect` opens another connection. Source: doc/interop-test-descriptions.md. */
  readonly run: (client: InteropClient, connect: (options?: ClientOptions) => InteropClient) => Promise<void>;
}

const { method } = TestService;
const LARGE_REQUEST = 271_828;
const LARGE_ANSWER = 314_159;
/** Enough for a race to show, not for a soak: that is what the load tests are for. */
const SOAK_ROUNDS = 50;
const soakFlags = [`-soak_iterations=${SOAK_ROUNDS}`, "-soak_per_iteration_max_acceptable_latency_ms=5000"];

export const customMetadata = {
  initial: "test_initial_metadata_value",
  trailing: Buffer.from("0a0b0a0b0a0b", "hex"),
  create(): Metadata {
    const metadata = new Metadata();
    metadata.set("x-grpc-test-echo-initial", this.initial);
    metadata.set("x-grpc-test-echo-trailing-bin", this.trailing);
    return metadata;
  },
  expectEchoed({ header, trailer }: { header: Metadata; trailer: Metadata }): void {
    expect(header.get("x-grpc-test-echo-initial")).toEqual([this.initial]);
    expect(trailer.get("x-grpc-test-echo-trailing-bin")).toEqual([this.trailing]);
  },
};

async function largeUnary(client: InteropClient): Promise<void> {
  const { message } = await client.unary(method.unaryCall, {
    responseSize: LARGE_ANSWER,
    payload: { body: new Uint8Array(LARGE_REQUEST) },
  });
  expect(message.payload?.body).toHaveLength(LARGE_ANSWER);
}

export const unaryCases: readonly InteropCase[] = [
  {
    name: "empty_unary",
    async run(client) {
      const { message } = await client.unary(method.emptyCall, {});
      expect(message.$unknown ?? []).toEqual([]);
    },
  },
  { name: "large_unary", run: largeUnary },
  {
    name: "client_compressed_unary",
    goFlags: "not there",
    async run(plain, connect) {
      const gzip = connect({ "grpc.default_compression_algorithm": compressionAlgorithms.gzip });
      const expecting = (value: boolean) => ({
        responseSize: LARGE_ANSWER,
        payload: { body: new Uint8Array(LARGE_REQUEST) },
        expectCompressed: { value },
      });
      await expect(plain.unary(method.unaryCall, expecting(true))).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
      for (const [client, compressed] of [[gzip, true] as const, [plain, false] as const]) {
        const { message } = await client.unary(method.unaryCall, expecting(compressed));
        expect(message.payload?.body).toHaveLength(LARGE_ANSWER);
      }
    },
  },
  {
    name: "special_status_message",
    async run(client) {
      const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
      await expect(client.unary(method.unaryCall, { responseStatus: { code: 2, message } })).rejects.toMatchObject({
        code: 2,
        details: message,
      });
    },
  },
  {
    name: "unimplemented_method",
    run: (client) =>
      expect(client.unary(method.unimplementedCall, {})).rejects.toMatchObject({ code: status.UNIMPLEMENTED }),
  },
  {
    name: "unimplemented_service",
    run: (client) =>
      expect(client.unary(UnimplementedService.method.unimplementedCall, {})).rejects.toMatchObject({
        code: status.UNIMPLEMENTED,
      }),
  },
  {
    name: "pick_first_unary",
    async run(client) {
      const ids = new Set<string>();
      for (let call = 0; call < 100; call += 1) {
        ids.add((await client.unary(method.unaryCall, { responseSize: 1, fillServerId: true })).message.serverId);
      }
      expect([...ids]).toEqual([expect.stringMatching(/./)]);
    },
  },
  {
    name: "rpc_soak",
    goFlags: soakFlags,
    async run(client) {
      for (let round = 0; round < SOAK_ROUNDS; round += 1) await largeUnary(client);
    },
  },
  {
    name: "channel_soak",
    goFlags: soakFlags,
    async run(_, connect) {
      for (let round = 0; round < SOAK_ROUNDS; round += 1) {
        const client = connect();
        await largeUnary(client);
        client.close();
      }
    },
  },
  {
    name: "orca_per_rpc",
    goFlags: ['-service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'],
    async run(client) {
      const { trailer } = await client.unary(method.unaryCall, {
        orcaPerQueryReport: {
          cpuUtilization: 0.821,
          memoryUtilization: 0.5847,
          requestCost: { cost: 3456.32 },
          utilization: { util: 0.30499 },
        },
      });
      const [report] = trailer.get("endpoint-load-metrics-bin");
      expect(fromBinary(OrcaLoadReportSchema, report as Buffer)).toMatchObject({
        cpuUtilization: 0.821,
        memUtilization: 0.5847,
        requestCost: { cost: 3456.32 },
        utilization: { util: 0.30499 },
      });
    },
  },
];

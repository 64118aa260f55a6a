import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  encodeBinaryHeader,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  type BoolValue,
  type EchoStatus,
  PayloadType,
  type ResponseParameters,
  type StreamingOutputCallRequest,
  StreamingOutputCallResponseSchema,
  type TestOrcaReport,
} from "../gen/grpc/testing/messages_pb.ts";
import { TestService } from "../gen/grpc/testing/test_pb.ts";
import { OrcaLoadReportSchema } from "../gen/xds/data/orca/v3/orca_load_report_pb.ts";
import { OpenRcaService } from "../gen/xds/service/orca/v3/orca_pb.ts";

const ECHO_INITIAL = "x-grpc-test-echo-initial";
const ECHO_TRAILING = "x-grpc-test-echo-trailing-bin";
/** Source: gRFC A51, per-query load reports. */
const LOAD_REPORT = "endpoint-load-metrics-bin";

/**
 * grpc's interop server, written as any service of connect-es: TestService without UnimplementedCall, and the load
 * reports that its clients subscribe to. UnimplementedService is not there, as the description wants it.
 * Source: grpc/grpc, doc/interop-test-descriptions.md, "Server".
 */
export function interopRoutes(router: ConnectRouter): void {
  const load = { report: create(OrcaLoadReportSchema) };
  router.service(TestService, testService(load));
  router.service(OpenRcaService, {
    async *streamCoreMetrics({ reportInterval }, { signal }) {
      const intervalMs = Number(reportInterval?.seconds ?? 0n) * 1_000 + (reportInterval?.nanos ?? 0) / 1e6;
      for (;;) {
        yield load.report;
        await sleep(intervalMs, undefined, { signal });
      }
    },
  });
}

type LoadReport = MessageInitShape<typeof OrcaLoadReportSchema>;

function testService(load: { report: LoadReport }): Partial<ServiceImpl<typeof TestService>> {
  return {
    emptyCall: () => ({}),

    unaryCall(request, context) {
      echoMetadata(context);
      requireCompression(request.expectCompressed, context);
      failIfTold(request.responseStatus);
      if (request.orcaPerQueryReport) {
        const report = create(OrcaLoadReportSchema, loadReport(request.orcaPerQueryReport));
        context.responseTrailer.set(LOAD_REPORT, encodeBinaryHeader(report, OrcaLoadReportSchema));
      }
      return {
        payload: payload(request.responseType, request.responseSize),
        ...(request.fillServerId && { serverId: "rpc-server" }),
      };
    },

    async *streamingOutputCall(request, { signal }) {
      yield* outputs(request.responseType, request.responseParameters, signal);
    },

    async streamingInputCall(requests, context) {
      let aggregatedPayloadSize = 0;
      for await (const { payload, expectCompressed } of requests) {
        requireCompression(expectCompressed, context);
        aggregatedPayloadSize += payload?.body.length ?? 0;
      }
      return { aggregatedPayloadSize };
    },

    async *fullDuplexCall(requests, context) {
      echoMetadata(context);
      for await (const request of requests) {
        failIfTold(request.responseStatus);
        if (request.orcaOobReport) load.report = loadReport(request.orcaOobReport);
        yield* outputs(request.responseType, request.responseParameters, context.signal);
      }
    },

    async *halfDuplexCall(requests, { signal }) {
      const all: StreamingOutputCallRequest[] = [];
      for await (const request of requests) all.push(request);
      for (const request of all) {
        yield* outputs(request.responseType, request.responseParameters, signal);
      }
    },
  };
}

function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  const initial = requestHeader.get(ECHO_INITIAL);
  if (initial !== null) responseHeader.set(ECHO_INITIAL, initial);
  const trailing = requestHeader.get(ECHO_TRAILING);
  if (trailing !== null) responseTrailer.set(ECHO_TRAILING, trailing);
}

/** A handler sees the call's encoding, not each message's flag; the cases use one or the other for a whole call. */
function requireCompression(expected: BoolValue | undefined, { requestHeader }: HandlerContext): void {
  const encoding = requestHeader.get("grpc-encoding") ?? "identity";
  if (expected !== undefined && expected.value === (encoding === "identity")) {
    throw new ConnectError(`the message came as ${encoding}`, Code.InvalidArgument);
  }
}

function failIfTold(status: EchoStatus | undefined): void {
  if (status !== undefined && status.code !== 0) throw new ConnectError(status.message, status.code);
}

async function* outputs(type: PayloadType, parameters: ResponseParameters[], signal: AbortSignal) {
  for (const { size, intervalUs } of parameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1_000, undefined, { signal });
    yield create(StreamingOutputCallResponseSchema, { payload: payload(type, size) });
  }
}

function payload(type: PayloadType, size: number) {
  if (size < 0) throw new ConnectError(`a payload of ${size} bytes`, Code.InvalidArgument);
  if (type !== PayloadType.COMPRESSABLE) throw new ConnectError(`payload type ${type}`, Code.InvalidArgument);
  return { type, body: new Uint8Array(size) };
}

function loadReport({ memoryUtilization, cpuUtilization, requestCost, utilization }: TestOrcaReport): LoadReport {
  return { cpuUtilization, memUtilization: memoryUtilization, requestCost, utilization };
}

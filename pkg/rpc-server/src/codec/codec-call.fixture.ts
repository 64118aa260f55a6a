import { EchoService } from "../../test/gen/echo/v1/echo_service_pb.ts";
import { CallHeaders } from "../call/call-headers.ts";
import type { Exchange } from "../connection/exchange.ts";
import type { MethodImplementation } from "../method/chains.ts";
import { createMethodEntry, type EntryDefaults, type MethodEntry } from "../method/method-entry.ts";
import type { CodecCall } from "./codec.ts";

const DEFAULTS: EntryDefaults = {
  interceptors: [],
  readMaxBytes: 1_000,
  writeMaxBytes: 1_000,
  compressMinBytes: 100,
  maxDepth: 100,
  timeouts: () => ({}),
};

type Method = (typeof EchoService.method)[keyof typeof EchoService.method];

/** The entry of a method of the echo service, which nothing implements. */
export function entryOf(method: Method = EchoService.method.echo, options = {}, defaults = {}): MethodEntry {
  const spec: MethodImplementation = { kind: method.methodKind, method, impl: () => ({}) };
  return createMethodEntry(spec, options, { ...DEFAULTS, ...defaults });
}

/** A call of Echo without a request, and the names that it reported. */
export function codecCall(overrides: Partial<CodecCall> = {}): CodecCall & { readonly reported: string[] } {
  const entry = entryOf();
  const reported: string[] = [];
  return {
    exchange: {} as Exchange,
    entry,
    format: entry.formats.proto,
    requestCompression: undefined,
    acceptedCompressions: null,
    responseHeader: new CallHeaders(),
    responseTrailer: new CallHeaders(),
    reportUnsendable: (name) => void reported.push(name),
    holdExpanded: () => {},
    ...overrides,
    reported,
  };
}

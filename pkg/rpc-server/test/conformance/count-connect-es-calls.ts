// Preloaded (`node --import`) into the server under test: counts the calls that connect-es's own protocol handlers get.
//
// The count does not trust the server: the handlers' source is changed as it is loaded, whoever asks for it. That is
// a hook into another package's files, so it fails loudly when they are not as expected.
import { registerHooks } from "node:module";
import type { DescMethod } from "@bufbuild/protobuf";
import type { MethodImplSpec } from "@connectrpc/connect";
import type { ProtocolHandlerFactory, UniversalHandlerFn } from "@connectrpc/connect/protocol";

const HANDLERS = /\/@connectrpc\/connect\/dist\/esm\/protocol-(connect|grpc|grpc-web)\/handler-factory\.js$/;
const DECLARATION = "export function createHandlerFactory(";

/** Calls handed to connect-es's protocol handlers, of each kind of method. */
export type ConnectEsCalls = Record<DescMethod["methodKind"], number>;

/** Counted since the process started, or since somebody wrote to it. */
export const connectEsCalls: ConnectEsCalls = { unary: 0, server_streaming: 0, client_streaming: 0, bidi_streaming: 0 };

/**
 * Wraps a factory so that its handlers count.
 * @public The changed source imports it.
 */
export function countCalls(factory: ProtocolHandlerFactory): ProtocolHandlerFactory {
  const createCounting = (spec: MethodImplSpec) => {
    const handler = factory(spec);
    const handle: UniversalHandlerFn = (request) => {
      connectEsCalls[spec.method.methodKind] += 1;
      return handler(request);
    };
    return Object.assign(handle, handler);
  };
  return Object.assign(createCounting, { protocolName: factory.protocolName });
}

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!HANDLERS.test(url)) return loaded;
    const source = String(loaded.source);
    if (!source.includes(DECLARATION)) throw new Error(`${url} is not as expected: nothing would be counted`);
    const changed = source.replace(DECLARATION, "function createUncounted(");
    return {
      ...loaded,
      source: `${changed}
import { countCalls } from ${JSON.stringify(import.meta.url)};
export function createHandlerFactory(options) { return countCalls(createUncounted(options)); }`,
    };
  },
});

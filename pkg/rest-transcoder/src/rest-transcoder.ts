import type { ProtocolExtension } from "@grpc-service-template/rpc-server/protocol";
import { type RestOptions, withDefaults } from "./options.ts";
import { writeErrorBody } from "./response/error-body.ts";
import { createRestResolver } from "./rest-resolver.ts";
import type { Binding } from "./rules/binding.ts";
import { readBindings } from "./rules/read-bindings.ts";
import { findUnreachable } from "./rules/rpc-paths.ts";
import { RuleError } from "./rules/rule-error.ts";

/**
 * REST by google.api.http, for `createRpcServer({ protocols: [createRestTranscoder()] })`: each method that has a rule is
 * served at its paths too. The server throws a RuleError when it is created, if a rule is wrong; without rules it serves as before.
 * @throws RangeError or TypeError naming an option whose value it cannot have
 */
export function createRestTranscoder(options: RestOptions = {}): ProtocolExtension {
  const settings = withDefaults(options);
  let bindings: readonly Binding[] = [];
  return {
    createResolver(entries) {
      bindings = readBindings({ methods: entries.map(({ method }) => method), ...settings.rules });
      const unreachable = findUnreachable(bindings, new Set(entries.map(({ path }) => path)));
      if (unreachable.length > 0) throw new RuleError(unreachable);
      return createRestResolver(entries, bindings, settings);
    },
    describeError(error, httpStatus) {
      const metadata = new Headers(error.metadata);
      settings.headers.hideMetadata?.(metadata);
      return { ...writeErrorBody(error, httpStatus, settings.errorFormat, settings.registry), metadata };
    },
    get cors() {
      const methods = new Set(bindings.map(({ httpMethod }) => httpMethod));
      // A rule of kind * takes any; a GET may be asked for by HEAD.
      if (methods.delete("*")) for (const method of STANDARD_METHODS) methods.add(method);
      if (methods.has("GET")) methods.add("HEAD");
      return { methods: [...methods], requestHeaders: REQUEST_HEADERS, responseHeaders: ["etag", "allow"] };
    },
  };
}

const STANDARD_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const REQUEST_HEADERS = ["content-type", "if-match", "if-none-match", "x-server-timeout", "traceparent", "tracestate"];

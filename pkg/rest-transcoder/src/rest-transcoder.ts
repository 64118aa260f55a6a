import type { ProtocolExtension } from "@grpc-service-template/rpc-server/protocol";
import { type RestOptions, withDefaults } from "./options.ts";
import { writeErrorBody } from "./response/error-body.ts";
import { createRestResolver } from "./rest-resolver.ts";

/**
 * REST by google.api.http, for `createRpcServer({ protocols: [createRestTranscoder()] })`: each method that has a rule is
 * served at its paths too. The server throws a RuleError when it is created, if a rule is wrong; without rules it serves as before.
 * @throws RangeError or TypeError naming an option whose value it cannot have
 */
export function createRestTranscoder(options: RestOptions = {}): ProtocolExtension {
  const settings = withDefaults(options);
  return {
    createResolver: (methods) => createRestResolver(methods, settings),
    describeError: (error, httpStatus) => writeErrorBody(error, httpStatus, settings.errorFormat),
    cors: {
      methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
      requestHeaders: ["content-type", "if-match", "if-none-match", "x-server-timeout", "traceparent", "tracestate"],
      responseHeaders: ["etag", "allow"],
    },
  };
}

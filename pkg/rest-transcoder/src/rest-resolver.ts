import { Code } from "@connectrpc/connect";
import type {
  Exchange,
  MethodEntry,
  PlainAnswer,
  Refusal,
  Resolution,
  Resolver,
} from "@grpc-service-template/rpc-server/protocol";
import { acceptsType } from "./metadata/accept.ts";
import type { RestSettings } from "./options.ts";
import { isJsonContentType, takesAnyContentType } from "./request/content-type.ts";
import { compileRequestReader } from "./request/request-reader.ts";
import { compileIfMatch } from "./response/if-match.ts";
import { compileResponseWriter, findAnswersEtag, sendsAnyContentType } from "./response/response-writer.ts";
import { RestCodec, type Route } from "./rest-codec.ts";
import { createRouter } from "./routing/router.ts";
import type { Binding } from "./rules/binding.ts";

/** Finds the methods of `entries` by the bindings of their google.api.http rules. */
export function createRestResolver(
  entries: readonly MethodEntry[],
  bindings: readonly Binding[],
  settings: RestSettings,
): Resolver {
  const byMethod = new Map(entries.map((entry) => [entry.method, entry]));
  const router = createRouter(bindings);
  const routes = new Map(bindings.map((binding) => [binding, compileRoute(binding, entryOf(binding), settings)]));

  function entryOf(binding: Binding): MethodEntry {
    return byMethod.get(binding.rpc) as MethodEntry;
  }

  return (exchange) => {
    const { target, method } = exchange;
    const queryAt = target.indexOf("?");
    const match = router.match(method, queryAt < 0 ? target : target.slice(0, queryAt));
    if (match === undefined) return undefined;
    if (match.kind === "bad-path") return refusal(400, Code.InvalidArgument, match.reason);
    if (match.kind === "wrong-method") return method === "OPTIONS" ? options(match.allow) : wrongMethod(match.allow);
    const route = routes.get(match.binding) as Route;
    return findRefusal(exchange, route) ?? resolve(route, match.values, queryAt < 0 ? "" : target.slice(queryAt + 1));
  };
}

/** The limits are the server's, unless REST has some of its own. */
function compileRoute(binding: Binding, entry: MethodEntry, settings: RestSettings): Route {
  const { maxDepth = entry.maxDepth, ...request } = settings.request;
  const { writeMaxBytes = entry.writeMaxBytes, ...response } = settings.response;
  return {
    binding,
    entry,
    settings,
    reader: compileRequestReader(binding, { ...request, maxDepth }),
    writeIfMatch: compileIfMatch(binding, settings.etagField, settings.quotedEtags),
    write: compileResponseWriter(binding, { ...response, writeMaxBytes }),
    answersEtag: findAnswersEtag(binding, settings.etagField) !== undefined,
    takesAnyContentType: takesAnyContentType(binding),
    sendsAnyContentType: sendsAnyContentType(binding),
  };
}

function resolve(route: Route, values: readonly string[], query: string): Resolution {
  const { entry } = route;
  return { kind: "unary", entry, codec: new RestCodec(route, values, query), format: entry.formats.json };
}

/** What headers alone say that cannot be served. */
function findRefusal(
  { method, headers }: Exchange,
  { binding, entry, takesAnyContentType, sendsAnyContentType }: Route,
): Refusal | undefined {
  if (entry.kind !== "unary") {
    return refusal(501, Code.Unimplemented, "streaming methods are not served as REST", [], entry);
  }
  if (binding.body !== undefined && !takesAnyContentType && !isJsonContentType(headers.lookup("content-type"))) {
    const told = "the content type must be application/json in UTF-8";
    return refusal(415, Code.InvalidArgument, told, [acceptedTypeHeader(method), "application/json"], entry);
  }
  if (!(sendsAnyContentType || acceptsType(headers.lookup("accept"), "application/json"))) {
    return refusal(
      406,
      Code.InvalidArgument,
      "the answer is application/json, which the request does not accept",
      [],
      entry,
    );
  }
  return undefined;
}

/** Where a 415 names the types that are taken. Source: W3C Linked Data Platform, 7.1; RFC 5789, 3.1; RFC 9110, 12.5.1. */
function acceptedTypeHeader(httpMethod: string): string {
  if (httpMethod === "POST") return "accept-post";
  return httpMethod === "PATCH" ? "accept-patch" : "accept";
}

/** Source: RFC 9110, 9.3.7. */
function options(allow: readonly string[]): PlainAnswer {
  return { kind: "answer", head: [":status", "204", "allow", [...allow, "OPTIONS"].join(", ")] };
}

function wrongMethod(allow: readonly string[]): Refusal {
  const names = [...allow, "OPTIONS"].join(", ");
  return refusal(405, Code.Unimplemented, `this path allows ${names}`, ["allow", names]);
}

function refusal(
  status: number,
  code: Code,
  told: string,
  headers: readonly string[] = [],
  entry?: MethodEntry,
): Refusal {
  const head = [":status", String(status), ...headers];
  return { kind: "refusal", head, told, code, protocol: "rest", ...(entry !== undefined && { entry }) };
}

import { Code } from "@connectrpc/connect";
import type { NodeRequest, NodeResponse } from "../connection/http-engine.ts";

const GRPC = /^application\/grpc(-web(-text)?)?(\+(proto|json))?(?=;|$)/;

/** A path may be as long as headers may be, and the client knows it anyway. */
const MAX_PATH_CHARS = 200;

/**
 * Answers a request for a path nobody serves. gRPC and gRPC-Web: UNIMPLEMENTED, as headers that are trailers too
 * (Trailers-Only). Everybody else: 404, which Connect clients take for unimplemented.
 * Source: gRPC over HTTP/2, "Responses"; gRPC-Web, "Protocol differences"; Connect protocol, "HTTP to error code".
 */
export function answerUnknownMethod(request: NodeRequest, response: NodeResponse): void {
  const contentType = GRPC.exec(request.headers["content-type"] ?? "")?.[0];
  if (contentType === undefined) {
    response.statusCode = 404;
  } else {
    response.setHeader("content-type", contentType);
    response.setHeader("grpc-status", String(Code.Unimplemented));
    response.setHeader("grpc-message", `unknown method ${percentEncode(request.url ?? "")}`);
  }
  response.end();
}

/** A path is visible ASCII; in grpc-message only the percent sign among these needs encoding. */
function percentEncode(path: string): string {
  return path.slice(0, MAX_PATH_CHARS).replaceAll("%", "%25");
}

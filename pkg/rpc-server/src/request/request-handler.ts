import { createConnectRouter } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { NodeRequest, NodeResponse, RequestListener } from "../connection/http-engine.ts";
import type { RpcServerOptions } from "../options.ts";
import { contextValuesOf } from "./connection-info.ts";
import { createCorsPolicy } from "./cors.ts";
import { endOnAbort, untilAborted } from "./end-on-abort.ts";
import { findRequestFault } from "./request-fault.ts";
import { dropEndlessTimeout } from "./timeout-header.ts";
import { answerUnknownMethod } from "./unknown-method.ts";

type Options = Pick<
  Required<RpcServerOptions>,
  "routes" | "interceptors" | "corsOrigins" | "readMaxBytes" | "writeMaxBytes" | "onError"
>;

/**
 * Answers every request: bad ones, preflights and unknown paths by itself, calls by connect-es.
 * When `shutdown` fires, calls end with its reason.
 */
export function createRequestHandler(options: Options, shutdown: AbortSignal): RequestListener {
  const router = createConnectRouter({
    // Innermost: the others see what ended the call as if the handler had thrown it.
    interceptors: [...options.interceptors, endOnAbort],
    readMaxBytes: options.readMaxBytes,
    writeMaxBytes: options.writeMaxBytes,
    acceptCompression: [compressionGzip, compressionBrotli],
    shutdownSignal: shutdown,
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const applyCors = createCorsPolicy(options.corsOrigins);

  return (request, response) => {
    // Also after connect-node's own listeners have gone: an error nobody listens to ends the process.
    request.on("error", ignoreClientGone);
    response.on("error", ignoreClientGone);

    const fault = findRequestFault(request);
    if (fault !== undefined) return refuse(response, fault);
    if (applyCors(request, response)) return;
    const [path = ""] = (request.url ?? "").split("?", 1);
    const handler = handlers.get(path);
    if (handler === undefined) return answerUnknownMethod(request, response);

    const call = universalRequestFromNodeRequest(request, response, undefined, contextValuesOf(request));
    dropEndlessTimeout(call.header);
    discardUnread(request, response);
    handler({ ...call, body: readBody(request, shutdown) })
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        if (call.signal.aborted) return; // The client has gone, and its handler was told.
        options.onError(error);
        giveUp(response);
      });
  };
}

/** The call's signal says the same to those who need to know. */
function ignoreClientGone(): void {}

function refuse(response: NodeResponse, fault: string): void {
  response.statusCode = 400;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${fault}\n`);
}

/** Ends a response that cannot be written as it should. */
function giveUp(response: NodeResponse): void {
  if (response.headersSent) {
    response.destroy();
  } else {
    response.statusCode = 500;
    response.end();
  }
}

/**
 * Once the answer is out, throws away what the client may still be sending: one that writes its whole request before it
 * reads would wait forever. Not by a reset (RFC 9113, 8.1): Node sends it before the trailers, which are lost then.
 */
function discardUnread(request: NodeRequest, response: NodeResponse): void {
  const written = "stream" in response ? response.stream : response;
  written.once("finish", () => request.resume());
}

async function* readBody(request: NodeRequest, shutdown: AbortSignal) {
  // Left alone when nobody wants the rest: destroying the request would cut the connection before the answer is out.
  yield* untilAborted<Uint8Array>(request.iterator({ destroyOnReturn: false }), shutdown);
}

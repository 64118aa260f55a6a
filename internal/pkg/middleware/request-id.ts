import { randomUUID } from "node:crypto";
import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { iterateInRequestContext, runInRequestContext } from "#internal/pkg/call/request-context.ts";

const HEADER = "x-request-id";

/** What is kept of a client's ids: nothing that could break a log line, a header or a search. */
const WELL_FORMED = /^[A-Za-z0-9._:/+=-]{1,128}$/;

/**
 * Gives every request an id: the client's `x-request-id` when it is well-formed (1 to 128 of `A–Z a–z 0–9 . _ : / + = -`),
 * else a new UUID. The id stands in every log line of the request, and in `x-request-id` of the answer or the error.
 */
export function createRequestIdInterceptor(newId: () => string = randomUUID): Interceptor {
  return (next) => (request) => {
    const received = request.header.get(HEADER);
    const requestId = received !== null && WELL_FORMED.test(received) ? received : newId();
    const context = { requestId };

    return runInRequestContext(context, async () => {
      try {
        const response = await next(request);
        response.header.set(HEADER, requestId);
        if (!response.stream) return response;
        return { ...response, message: iterateInRequestContext(context, response.message) };
      } catch (error) {
        throw error instanceof ConnectError ? withRequestId(error, requestId) : error;
      }
    });
  };
}

/** A copy, since calls may share an error: one reason ends all of them at shutdown. Without what another server sent. */
function withRequestId(error: ConnectError, requestId: string): ConnectError {
  const metadata = error.isWireError ? undefined : error.metadata;
  const copy = new ConnectError(error.rawMessage, error.code, metadata, undefined, error);
  copy.metadata.set(HEADER, requestId);
  return Object.assign(copy, { details: error.details });
}

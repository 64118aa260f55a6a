import { randomUUID } from "node:crypto";
import { ConnectError, createContextKey, type Interceptor } from "@connectrpc/connect";
import type { ObservedCall } from "@grpc-service-template/rpc-server";
import { iterateInRequestContext, runInRequestContext } from "#internal/pkg/call/request-context.ts";

const HEADER = "x-request-id";

/** What is kept of a client's ids: nothing that could break a log line, a header or a search. */
const WELL_FORMED = /^[A-Za-z0-9._:/+=-]{1,128}$/;

/** Which answers carry the id: all, errors, or those to clients that have sent one (errors always do). */
export type ReturnRequestId = "always" | "on-error" | "when-sent";

export interface RequestIdOptions {
  /** Default: always. */
  readonly returnId?: ReturnRequestId;
  /** Makes the ids of requests that have none. Default: random UUIDs. */
  readonly newId?: () => string;
}

const requestIdKey = createContextKey<string | undefined>(undefined, { description: "the request's id" });

/** The id of a call: what the interceptor gave it or, when the call was refused before, what its client has sent. */
export function requestIdOf({ contextValues, header }: Pick<ObservedCall, "contextValues" | "header">) {
  return contextValues.get(requestIdKey) ?? receivedId(header);
}

/**
 * The error, with the id of its call in `x-request-id`: for errors of the server itself, which may have come before the
 * interceptor. A call that has no id yet gets one, which its log line has too.
 */
export function withIdOfCall(error: ConnectError, { contextValues, header }: ObservedCall): ConnectError {
  const requestId = requestIdOf({ contextValues, header }) ?? randomUUID();
  contextValues.set(requestIdKey, requestId);
  return withRequestId(error, requestId);
}

/**
 * Gives every request an id: the client's `x-request-id` when it is well-formed (1 to 128 of `A–Z a–z 0–9 . _ : / + = -`),
 * else a new UUID. The id stands in every log line of the request, and in `x-request-id` of the answer or the error.
 */
export function createRequestIdInterceptor(options: RequestIdOptions = {}): Interceptor {
  const { returnId = "always", newId = randomUUID } = options;
  return (next) => (request) => {
    const received = receivedId(request.header);
    const requestId = received ?? newId();
    const isReturned = returnId === "always" || (returnId === "when-sent" && received !== undefined);
    const context = { requestId };
    request.contextValues.set(requestIdKey, requestId);

    return runInRequestContext(context, async () => {
      try {
        const response = await next(request);
        if (isReturned) response.header.set(HEADER, requestId);
        if (!response.stream) return response;
        return { ...response, message: iterateInRequestContext(context, response.message) };
      } catch (error) {
        throw error instanceof ConnectError ? withRequestId(error, requestId) : error;
      }
    });
  };
}

function receivedId(header: Headers): string | undefined {
  const received = header.get(HEADER);
  return received !== null && WELL_FORMED.test(received) ? received : undefined;
}

/** A copy, since calls may share an error: one reason ends all of them at shutdown. Without what another server sent. */
function withRequestId(error: ConnectError, requestId: string): ConnectError {
  const metadata = error.isWireError ? undefined : error.metadata;
  const copy = new ConnectError(error.rawMessage, error.code, metadata, undefined, error.cause);
  copy.metadata.set(HEADER, requestId);
  return Object.assign(copy, { details: error.details });
}

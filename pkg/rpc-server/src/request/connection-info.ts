import { createContextKey } from "@connectrpc/connect";

/** How a call came in. */
export interface ConnectionInfo {
  /** `1.1` or `2`, and `1.0` for clients that old. */
  readonly httpVersion: string;
  /** Address and port of the other end of the connection, `[::1]:50412` for IPv6: a proxy's, when there is one. */
  readonly peer: string;
}

/** For interceptors (`request.contextValues.get(connectionInfo)`) and handlers (`context.values.get(connectionInfo)`). */
export const connectionInfo = createContextKey<ConnectionInfo | undefined>(undefined, {
  description: "how the call came in",
});

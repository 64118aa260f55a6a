import { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { CallHeaders } from "../../call/call-headers.ts";

/**
 * A status as gRPC has it: grpc-status, grpc-message (percent-encoded) and grpc-status-details-bin, names and values in
 * turn. Source: gRPC over HTTP/2, "Responses"; google.rpc.Status.
 */
export function statusHeaders(error: ConnectError): readonly string[] {
  const headers = new CallHeaders();
  // A copy without metadata, which connect-es would merge in, and with a message that can be encoded.
  const bare = new ConnectError(error.rawMessage.toWellFormed(), error.code);
  try {
    bare.details = error.details;
    setTrailerStatus(headers, bare);
  } catch {
    // A detail that cannot be encoded: the code and the message are worth more than it.
    bare.details = [];
    setTrailerStatus(headers, bare);
  }
  return headers.flat();
}

/** The metadata that goes with an error; not what another server has sent, which is for us alone, as in connect-es. */
export function errorMetadata(error: ConnectError): CallHeaders {
  const flat: string[] = [];
  if (!error.isWireError) {
    for (const [name, value] of error.metadata) flat.push(name, value);
  }
  return new CallHeaders(flat);
}

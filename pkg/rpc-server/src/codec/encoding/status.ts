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
  const bare = new ConnectError(sendable(error.rawMessage.toWellFormed()), error.code);
  try {
    bare.details = error.details;
    setTrailerStatus(headers, bare);
    if ((headers.get(DETAILS)?.length ?? 0) > MAX_DETAILS_CHARS) headers.delete(DETAILS);
  } catch {
    // A detail that cannot be encoded: the code and the message are worth more than it.
    bare.details = [];
    setTrailerStatus(headers, bare);
  }
  return headers.flat();
}

const DETAILS = "grpc-status-details-bin";

/** As they are written. Of larger details nothing is sent: a block of headers above 64 KiB ends the connection. */
const MAX_DETAILS_CHARS = 32 * 1024;
const MAX_MESSAGE_CHARS = 24 * 1024;
/** Of a message that is longer. */
const CUT_MESSAGE_CHARS = 2_048;

function sendable(message: string): string {
  const isShort = message.length <= CUT_MESSAGE_CHARS || encodeURIComponent(message).length <= MAX_MESSAGE_CHARS;
  return isShort ? message : message.slice(0, CUT_MESSAGE_CHARS).toWellFormed();
}

/** The metadata that goes with an error; not what another server has sent, which is for us alone, as in connect-es. */
export function errorMetadata(error: ConnectError): CallHeaders {
  const flat: string[] = [];
  if (!error.isWireError) {
    for (const [name, value] of error.metadata) flat.push(name, value);
  }
  return new CallHeaders(flat);
}

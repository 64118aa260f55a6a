/** What the suite's runner said about one case. `known`: listed in known-failing.txt, and it did fail. */
export interface ConformanceCase {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "known";
  /** Why it did not pass; empty when it did. */
  readonly reason: string;
}

export const STREAM_KINDS = [
  "unary",
  "server stream",
  "client stream",
  "half-duplex bidi",
  "full-duplex bidi",
] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

/** What a case is about. The codec and the compression are undefined where the case sets its bytes by hand. */
export interface CaseFeatures {
  /** Protocol, HTTP version, and the client when it is not connect-go: "gRPC, HTTP/2". */
  readonly transport: string;
  readonly kind: StreamKind;
  /** The name of the suite that the case is from, as "Basic". */
  readonly topic: string;
  readonly codec: string | undefined;
  readonly compression: string | undefined;
}

/**
 * Reads a case's name: its suite, what varies (`HTTPVersion:2`), and its own name, in which the stream kind stands
 * unless it is unary. A protocol or a version that the whole suite shares is only in the suite's name.
 */
export function featuresOf(name: string): CaseFeatures {
  const [topic = "", ...parts] = name.split("/");
  const varying = new Map(
    parts.filter((part) => /^[A-Z]\w+:/.test(part)).map((part) => part.split(":", 2) as [string, string]),
  );
  const client = parts.includes("(grpc client impl)") ? ", grpc-go's client" : "";
  return {
    transport: `${protocolOf(topic, varying.get("Protocol"))}, HTTP/${httpVersionOf(varying.get("HTTPVersion"))}${client}`,
    kind: kindOf(topic, parts),
    topic,
    codec: varying.get("Codec")?.replace("CODEC_", "").toLowerCase(),
    compression: varying.get("Compression")?.replace("COMPRESSION_", "").toLowerCase(),
  };
}

function protocolOf(topic: string, varying: string | undefined): string {
  if (varying === "PROTOCOL_CONNECT" || topic.startsWith("Connect ")) return "Connect";
  if (varying === "PROTOCOL_GRPC_WEB" || topic.startsWith("gRPC-Web ")) return "gRPC-Web";
  if (varying === "PROTOCOL_GRPC" || topic.startsWith("gRPC ")) return "gRPC";
  throw new Error(`which protocol is "${topic}" about?`);
}

/** Suites for one version only are those of gRPC, which is HTTP/2. */
function httpVersionOf(varying: string | undefined): string {
  return varying === "1" ? "1.1" : "2";
}

function kindOf(topic: string, parts: readonly string[]): StreamKind {
  if (parts.includes("server-stream")) return "server stream";
  if (parts.includes("client-stream")) return "client stream";
  if (parts.includes("full-duplex")) return "full-duplex bidi";
  // Errors/…/bidi-stream/error-with-metadata names no duplex, and is of this kind.
  if (parts.includes("bidi-stream")) return "half-duplex bidi";
  // The one streaming case whose name does not say so: Connect's unary calls have no envelopes to flag as compressed.
  if (topic.startsWith("Connect ") && parts.includes("unexpected-compressed-message")) return "server stream";
  return "unary";
}

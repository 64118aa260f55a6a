// For those who add a protocol: what a resolver and a codec are made of.

export type { ErrorBody } from "./call/error-body.ts";
export type { Codec, CodecCall, CodecMethod, UnaryCodec } from "./codec/codec.ts";
export type { Compression } from "./codec/encoding/compression.ts";
export { expandBody } from "./codec/encoding/decode-compressed.ts";
export { compileFieldJsonWriter, compileJsonWriter, type JsonWriterOptions } from "./codec/encoding/json-writer.ts";
export { assertDepth } from "./codec/encoding/message-format.ts";
export { appendMetadata } from "./codec/encoding/metadata.ts";
export { errorMetadata } from "./codec/encoding/status.ts";
export { parseGrpcTimeout } from "./codec/encoding/timeout.ts";
export { sendBody } from "./codec/plain-body.ts";
export type { AnswerHead, Exchange } from "./connection/exchange.ts";
export type { MethodEntry } from "./method/method-entry.ts";
export type { CorsNeeds, ProtocolExtension } from "./request/protocol-extension.ts";
export type { PlainAnswer, Refusal, Resolution, Resolver } from "./request/resolver.ts";

export type Codec = "proto" | "json";

/** A protocol on a version of HTTP, as raw bytes speak it. */
export interface Wire {
  readonly name: string;
  readonly protocol: "grpc" | "grpc-web" | "connect";
  readonly httpVersion: "1.1" | "2";
  readonly method: "POST" | "GET";
  readonly path: string;
  /** How messages lie in the body: each behind a prefix of five bytes, one as it is, or in the URL. */
  readonly framing: "envelope" | "bare" | "query";
  readonly contentType: (codec: Codec) => string;
  /** The deadline's header. */
  readonly timeoutHeader: "grpc-timeout" | "connect-timeout-ms";
  /** The headers that say the request's compression, and the answer's list of accepted ones. Unary GET: a parameter. */
  readonly encodingHeader: string;
  readonly acceptHeader: string;
}

const UNARY = "/echo.v1.EchoService/Echo";
const SERVER_STREAM = "/echo.v1.EchoService/EchoServerStream";

const grpcHeaders = {
  timeoutHeader: "grpc-timeout",
  encodingHeader: "grpc-encoding",
  acceptHeader: "grpc-accept-encoding",
} as const;

const connectHeaders = {
  timeoutHeader: "connect-timeout-ms",
  encodingHeader: "content-encoding",
  acceptHeader: "accept-encoding",
} as const;

export const grpc: Wire = {
  name: "gRPC over HTTP/2",
  protocol: "grpc",
  httpVersion: "2",
  method: "POST",
  path: UNARY,
  framing: "envelope",
  contentType: (codec) => `application/grpc+${codec}`,
  ...grpcHeaders,
};

export const grpcWeb1: Wire = {
  ...grpc,
  name: "gRPC-Web over HTTP/1.1",
  protocol: "grpc-web",
  httpVersion: "1.1",
  contentType: (codec) => `application/grpc-web+${codec}`,
};

export const grpcWeb2: Wire = { ...grpcWeb1, name: "gRPC-Web over HTTP/2", httpVersion: "2" };

export const connect1: Wire = {
  name: "Connect over HTTP/1.1",
  protocol: "connect",
  httpVersion: "1.1",
  method: "POST",
  path: UNARY,
  framing: "bare",
  contentType: (codec) => `application/${codec}`,
  ...connectHeaders,
};

export const connect2: Wire = { ...connect1, name: "Connect over HTTP/2", httpVersion: "2" };

export const connectGet1: Wire = { ...connect1, name: "Connect GET over HTTP/1.1", method: "GET", framing: "query" };

export const connectGet2: Wire = { ...connectGet1, name: "Connect GET over HTTP/2", httpVersion: "2" };

export const connectStream1: Wire = {
  ...connect1,
  name: "a Connect stream over HTTP/1.1",
  path: SERVER_STREAM,
  framing: "envelope",
  contentType: (codec) => `application/connect+${codec}`,
  encodingHeader: "connect-content-encoding",
  acceptHeader: "connect-accept-encoding",
};

export const connectStream2: Wire = { ...connectStream1, name: "a Connect stream over HTTP/2", httpVersion: "2" };

export const grpcWires: readonly Wire[] = [grpc, grpcWeb1, grpcWeb2];
export const postWires: readonly Wire[] = [...grpcWires, connect1, connect2];
export const getWires: readonly Wire[] = [connectGet1, connectGet2];
export const streamWires: readonly Wire[] = [connectStream1, connectStream2];
export const envelopeWires: readonly Wire[] = [...grpcWires, ...streamWires];
export const allWires: readonly Wire[] = [...postWires, ...getWires, ...streamWires];

import { connectJsonCall, grpcCall, grpcWebCall, type Variant } from "../load/calls.ts";
import type { Row } from "./row.ts";

const HTTP2_ROWS = {
  "unary-bare": { ours: "ours", peers: ["raw", "raw-arrays", "grpc-js", "connect-node"] },
  "unary-chain": { ours: "ours-chain", peers: ["raw", "grpc-js"] },
  "unary-chain-id": { ours: "ours-chain-id", peers: ["raw", "grpc-js"] },
  "unary-chain-log": { ours: "ours-chain-log", peers: ["raw", "connect-node"] },
} as const satisfies Record<string, Pick<Row, "ours" | "peers">>;

const VARIANTS: readonly Variant[] = ["plain", "metadata", "gzip"];

/** Every HTTP/2 row comes in three loads; these run when no row is named. */
const IN_FULL_RUN = /^(?!.*:)|^unary-chain:/;

export const RPC_ROWS: readonly Row[] = [
  ...Object.entries(HTTP2_ROWS).flatMap(([name, servers]) =>
    VARIANTS.map((variant) => http2Row(name, servers, variant)),
  ),
  {
    name: "connect-json",
    ours: "ours-chain",
    peers: ["fastify", "connect-node-http1"],
    httpVersion: "1.1",
    callTo: connectJsonCall,
  },
  {
    name: "grpc-web",
    ours: "ours-chain",
    peers: ["connect-node-http1"],
    httpVersion: "1.1",
    callTo: grpcWebCall,
  },
];

/** Those that run when no row is named. */
export const FULL_RPC_RUN = RPC_ROWS.filter(({ name }) => IN_FULL_RUN.test(name));

function http2Row(name: string, servers: Pick<Row, "ours" | "peers">, variant: Variant): Row {
  return {
    ours: servers.ours,
    // grpc-js's server compresses no answers (1.14): it would do less work.
    peers: servers.peers.filter((peer) => variant !== "gzip" || peer !== "grpc-js"),
    name: variant === "plain" ? name : `${name}:${variant}`,
    httpVersion: "2",
    callTo: (server) => grpcCall(variant, server === "ours-chain-id"),
  };
}

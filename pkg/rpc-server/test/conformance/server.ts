// The server under test, as the suite's runner starts it: `node --import ./count-connect-es-calls.ts server.ts FOLDER`.
// Reads a ServerCompatRequest on stdin, answers with a ServerCompatResponse on stdout (each after its length in four
// bytes, big-endian), and serves until SIGTERM. Then it leaves what it saw in FOLDER: a ServerReport.
// Source: connectrpc.com/conformance, docs/testing_servers.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createRouterTransport } from "@connectrpc/connect";
import { createRpcServer } from "../../src/index.ts";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "../gen/connectrpc/conformance/v1/server_compat_pb.ts";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.ts";
import { registerConformanceService } from "./conformance-service.ts";
import { type ConnectEsCalls, connectEsCalls } from "./count-connect-es-calls.ts";

/** What a server process leaves behind. */
export interface ServerReport {
  readonly connectEsCalls: ConnectEsCalls;
  /** What onError was told, as text. */
  readonly errors: readonly string[];
}

const [reports = "."] = process.argv.slice(2);
const errors: string[] = [];

await proveThatItCounts();
const request = fromBinary(ServerCompatRequestSchema, (await buffer(process.stdin)).subarray(4));
const server = createRpcServer({
  routes: registerConformanceService,
  readMaxBytes: request.messageReceiveLimit,
  onError: (error) => errors.push(String(error)),
});
const { port } = await server.listen({ port: 0, host: "127.0.0.1" });

process.once("SIGTERM", async () => {
  await server.close();
  const report: ServerReport = { connectEsCalls, errors };
  writeFileSync(join(reports, `${process.pid}.json`), JSON.stringify(report));
  process.exit(0);
});

// A runner that is killed leaves nobody to end this process.
const runner = process.ppid;
setInterval(() => process.ppid === runner || process.exit(1), 1000).unref();

const response = toBinary(ServerCompatResponseSchema, create(ServerCompatResponseSchema, { host: "127.0.0.1", port }));
const length = Buffer.alloc(4);
length.writeUInt32BE(response.length);
process.stdout.write(Buffer.concat([length, response]));

/** A counter that stays at zero proves nothing unless it has been seen to count. */
async function proveThatItCounts(): Promise<void> {
  const transport = createRouterTransport(registerConformanceService);
  await transport.unary(ConformanceService.method.unary, undefined, undefined, undefined, {});
  if (connectEsCalls.unary !== 1) throw new Error(`one call to connect-es was counted as ${connectEsCalls.unary}`);
  connectEsCalls.unary = 0;
}

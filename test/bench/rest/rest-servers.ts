import { createRestTranscoder } from "@grpc-service-template/rest-transcoder";
import { listen, listenFastify, listenOurs } from "../servers/listen.ts";
import { registerUsers } from "../servers/users.ts";
import { wholeChain } from "../servers/whole-chain.ts";
import { createFastifyRestServer } from "./fastify-rest-server.ts";

/** The servers of the rows in rest-rows.ts; each starts on any free port of this machine, and resolves with the port. */
export const REST_SERVERS = {
  "ours-rest": () => listenOurs({ routes: registerUsers, protocols: [createRestTranscoder()] }),
  "ours-rest-chain": () =>
    listenOurs({
      ...wholeChain({ returnsRequestId: "on-error", hasAccessLog: false }),
      protocols: [createRestTranscoder()],
    }),
  "fastify-rest": () => listenFastify(createFastifyRestServer()),
  // Loaded when it is asked for: it changes `Reflect`, which the other servers do without.
  "nest-rest": async () => listen(await (await import("./nest-server.ts")).createNestServer()),
} as const satisfies Record<string, () => Promise<number>>;

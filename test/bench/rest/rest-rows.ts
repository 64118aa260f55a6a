import type { Row } from "../rows/row.ts";
import type { ServerName } from "../servers/servers.ts";
import { getUserCall, listUsersCall } from "./rest-calls.ts";

export const REST_ROWS: readonly Row[] = [
  { name: "rest-get-bare", ours: "ours-rest", peers: ["fastify-rest"], httpVersion: "1.1", callTo: callGet },
  {
    name: "rest-get-chain",
    ours: "ours-rest-chain",
    peers: ["fastify-rest", "nest-rest"],
    httpVersion: "1.1",
    callTo: callGet,
  },
  {
    name: "rest-list",
    ours: "ours-rest-chain",
    peers: ["fastify-rest"],
    httpVersion: "1.1",
    callTo: listUsersCall,
  },
];

/** Peers make no ETag of the user's etag: it would be work that nobody asks of them. */
function callGet(server: ServerName) {
  return getUserCall({ hasEtag: server.startsWith("ours-") });
}

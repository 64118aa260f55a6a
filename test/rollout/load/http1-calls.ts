import { once } from "node:events";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { CALL_TIMEOUT_MS } from "./load-plan.ts";
import type { UserCalls } from "./paced-calls.ts";

/**
 * Calls by REST over kept-alive connections of HTTP/1.1. Node's client sends a request once: one that was written to a
 * connection which then closes is an error.
 */
export function createHttp1Calls(baseUrl: string): UserCalls {
  const agent = new Agent({ keepAlive: true });

  async function exchange(method: string, path: string, body?: object): Promise<string> {
    const sent = request(new URL(path, baseUrl), { agent, method, headers: { "content-type": "application/json" } });
    // One that comes after the answer's head ends its body too, where it is seen.
    sent.on("error", () => {});
    sent.setTimeout(CALL_TIMEOUT_MS, () => sent.destroy(new Error("no answer in time")));
    sent.end(body && JSON.stringify(body));
    const [response] = await once(sent, "response");
    const answer = await text(response);
    if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${answer.slice(0, 200)}`);
    return JSON.parse(answer).id;
  }

  return {
    createUser: (email) => exchange("POST", "/v1/users", { email, displayName: "Load" }),
    getUser: (id) => exchange("GET", `/v1/users/${id}`),
    close: () => agent.destroy(),
  };
}

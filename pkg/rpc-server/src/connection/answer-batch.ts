import type { ServerResponse } from "node:http";

let responses: ServerResponse[] = [];
let bodies: string[] = [];

/**
 * Ends a response with a small body, given as Latin-1, at the end of this turn of the event loop, together with all
 * others of the turn. A write wakes up whoever waits for it, which costs more than what is written: one after the
 * other, many find their reader awake. node:http2 does the same with its frames.
 */
export function endWithOthers(response: ServerResponse, body: string): void {
  responses.push(response);
  bodies.push(body);
  if (responses.length === 1) setImmediate(endAll);
}

/** The same at once: before what would cut them off. */
export function endAll(): void {
  const batch = responses;
  const texts = bodies;
  responses = [];
  bodies = [];
  for (const [i, response] of batch.entries()) response.end(texts[i], "latin1");
}

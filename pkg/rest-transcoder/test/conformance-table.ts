import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type HttpAnswer, wires } from "./http-client.ts";
import { type CallInit, jsonOf, type LibraryOptions, startLibrary } from "./start-library.ts";

/** An error as AIP-193 has it in HTTP. */
interface ExpectedError {
  readonly code: number;
  readonly status: string;
  /** The whole message, or what it has to have. */
  readonly message: string | RegExp;
  /** The fields that its BadRequest names. Default: there is none. */
  readonly fields?: readonly string[];
}

/** A sentence about a request. */
export interface Row extends Pick<CallInit, "headers" | "body"> {
  readonly says: string;
  /** `GET /v1/messages/1` */
  readonly send: string;
  /** The RPC that is called, and its request as JSON. Default: none is. */
  readonly gets?: readonly [rpc: string, request: JsonObject] | undefined;
  /** The answer's HTTP status. Default: 200, or the error's. */
  readonly status?: number;
  /** The answer's body, as JSON. */
  readonly answers?: JsonValue;
  /** Headers that the answer has; null: it has not. */
  readonly answerHeaders?: Readonly<Record<string, string | null>>;
  readonly error?: ExpectedError;
}

/** Plays each row over each version of HTTP, to servers of these options. */
export function playTable(name: string, rows: readonly Row[], options: LibraryOptions = {}): void {
  describe.each(wires)(`${name}, %s`, (wire) => {
    test.each(rows.map((row) => [row.says, row] as const))("%s", async (_, row) => {
      const library = await startLibrary(options);

      const answer = await library.call(row.send, { ...row, wire });

      expect(answer.status, answer.body.toString()).toBe(row.status ?? row.error?.code ?? 200);
      if (row.error !== undefined) expectError(answer, row.error);
      expect(library.received.map(({ rpc, message }) => [rpc, message])).toEqual(row.gets ? [row.gets] : []);
      if (row.answers !== undefined) expect(jsonOf(answer)).toEqual(row.answers);
      for (const [header, value] of Object.entries(row.answerHeaders ?? {})) {
        expect(answer.headers[header] ?? null, header).toBe(value);
      }
      expect(library.errors).toEqual([]);
    });
  });
}

function expectError(answer: HttpAnswer, expected: ExpectedError): void {
  const { fields, message, ...parts } = expected;
  const told = typeof message === "string" ? message : expect.stringMatching(message);
  expect(answer.headers["content-type"]).toBe("application/json");
  const { error } = jsonOf(answer) as { error: { details: { fieldViolations?: { field: string }[] }[] } };
  expect(error).toEqual({ ...parts, message: told, details: expect.any(Array) });
  const violations = error.details.flatMap(({ fieldViolations = [] }) => fieldViolations);
  expect(violations.map(({ field }) => field)).toEqual(fields ?? []);
}

/** INVALID_ARGUMENT about fields or parameters. */
export function badFields(message: string | RegExp, ...fields: string[]): Pick<Row, "error"> {
  return { error: { code: 400, status: "INVALID_ARGUMENT", message, fields } };
}

/** INVALID_ARGUMENT about the request as a whole. */
export function badRequest(message: string | RegExp): Pick<Row, "error"> {
  return badFields(message);
}

export const notFound: Pick<Row, "error"> = {
  error: { code: 404, status: "NOT_FOUND", message: "nothing is served at this path" },
};

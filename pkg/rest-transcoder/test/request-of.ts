import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { assert } from "vitest";
import { BadRequestSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { compileRequestReader, type RequestOptions } from "../src/request/request-reader.ts";
import type { Binding } from "../src/rules/binding.ts";

export interface Rule {
  /** Default: GET without a body, POST with one. */
  readonly httpMethod?: string;
  /** The paths of variables, `user.id`. Default: none. */
  readonly variables?: readonly string[];
  /** The name of a field, or `*`. Default: none. */
  readonly body?: string;
}

/** A binding as a rule for a method with this request would make it. */
export function bindingOf(input: DescMessage, { variables = [], body, httpMethod }: Rule): Binding {
  return {
    rpc: { input },
    httpMethod: httpMethod ?? (body === undefined ? "GET" : "POST"),
    template: { segments: [], verb: undefined, variables: [] },
    variables: variables.map((path) => fieldPath(input, path)),
    body: body === undefined || body === "*" ? body : fieldPath(input, body)[0],
    responseBody: undefined,
  } as unknown as Binding;
}

function fieldPath(input: DescMessage, path: string): DescField[] {
  let message: DescMessage | undefined = input;
  return path.split(".").map((name) => {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    assert(field !== undefined, `there is no ${path}`);
    message = field.message;
    return field;
  });
}

interface Parts {
  readonly values?: readonly string[];
  readonly query?: string;
  /** Text is UTF-8. */
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
}

/** A reader whose parts may be left out. */
export function readerOf(input: DescMessage, rule: Rule, options: Partial<RequestOptions> = {}) {
  const reader = compileRequestReader(bindingOf(input, rule), { maxDepth: 50, ...options });
  return ({ values = [], query = "", body = "", contentType }: Parts): Message =>
    reader.read({ values, query, body: toBytes(body), contentType: contentType ?? null });
}

function toBytes(body: string | Uint8Array): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : body;
}

/** The error that a request is refused with. */
export function refusalOf(read: () => unknown): ConnectError {
  try {
    read();
  } catch (error) {
    assert(error instanceof ConnectError, `no ConnectError: ${error}`);
    assert.equal(error.code, Code.InvalidArgument);
    return error;
  }
  return assert.fail("the request was accepted");
}

/** What its BadRequest says, each as `field: description`. */
export function violationsOf(read: () => unknown): string[] {
  return refusalOf(read)
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => `${field}: ${description}`);
}

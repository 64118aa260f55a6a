import { gunzipSync, gzipSync } from "node:zlib";
import {
  create,
  type DescMessage,
  equals,
  fromBinary,
  fromJsonString,
  type MessageShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  CreateUserRequestSchema,
  CreateUserResponseSchema,
  GetUserRequestSchema,
  GetUserResponseSchema,
} from "#api/user/v1/user_service_pb.ts";
import { CREATE_USER_PATH, GET_USER_PATH, USER } from "../servers/users.ts";
import type { Header } from "./hpack.ts";

/** A call that is made over and over. What `check…` refuses, it throws. */
export interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: Buffer;
  /** Looks at an answer's headers, HTTP status and names in lower case included. */
  checkHeaders(headers: ReadonlyMap<string, string>): void;
  checkBody(body: Buffer): void;
}

const GET_USER_REQUEST = create(GetUserRequestSchema, { id: USER.id });
const GET_USER_RESPONSE = create(GetUserResponseSchema, { user: USER });

/** What a client sends that says no more than it must. Source: gRPC over HTTP2, Requests. */
const GRPC_HEADERS: readonly Header[] = [
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];

/** What grpc-go adds, and a deadline. */
const GRPC_GO_HEADERS: readonly Header[] = [
  ["user-agent", "grpc-go/1.68.0"],
  ["grpc-accept-encoding", "gzip"],
  ["grpc-timeout", "4999986u"],
  ["x-client", "checkout-service"],
];

/** The kinds of gRPC load. */
export type Variant = "plain" | "metadata" | "gzip";

/** A unary gRPC call. `returnsRequestId`: whether the answer must have an `x-request-id`, or must not. */
export function grpcCall(variant: Variant, returnsRequestId: boolean): Call {
  const plain: Call = {
    method: "POST",
    path: GET_USER_PATH,
    headers: GRPC_HEADERS,
    body: envelope(toBinary(GetUserRequestSchema, GET_USER_REQUEST)),
    checkHeaders(headers) {
      expectHeader(headers, ":status", "200");
      expectHeader(headers, "content-type", /^application\/grpc(\+proto)?$/);
      expectHeader(headers, "x-request-id", returnsRequestId ? /^[0-9a-f-]{36}$/ : undefined);
    },
    checkBody: (body) => expectMessage(GetUserResponseSchema, messageOf(body, 0), GET_USER_RESPONSE),
  };
  if (variant === "plain") return plain;
  if (variant === "metadata") return { ...plain, headers: [...GRPC_HEADERS, ...GRPC_GO_HEADERS] };

  const user = { email: USER.email, displayName: USER.displayName, etag: textOf(4096) };
  const request = create(CreateUserRequestSchema, { user });
  return {
    method: "POST",
    path: CREATE_USER_PATH,
    headers: [...GRPC_HEADERS, ["grpc-encoding", "gzip"], ["grpc-accept-encoding", "gzip"]],
    body: envelope(gzipSync(toBinary(CreateUserRequestSchema, request)), COMPRESSED),
    checkHeaders(headers) {
      plain.checkHeaders(headers);
      expectHeader(headers, "grpc-encoding", "gzip");
    },
    checkBody: (body) =>
      expectMessage(
        CreateUserResponseSchema,
        gunzipSync(messageOf(body, COMPRESSED)),
        create(CreateUserResponseSchema, { user }),
      ),
  };
}

/** A unary Connect call in JSON. Source: Connect protocol, Unary-Request. */
export function connectJsonCall(): Call {
  return {
    method: "POST",
    path: GET_USER_PATH,
    headers: [
      ["content-type", "application/json"],
      ["connect-protocol-version", "1"],
    ],
    body: Buffer.from(toJsonString(GetUserRequestSchema, GET_USER_REQUEST)),
    checkHeaders(headers) {
      expectHeader(headers, ":status", "200");
      expectHeader(headers, "content-type", /^application\/json(; charset=utf-8)?$/);
    },
    checkBody(body) {
      const message = fromJsonString(GetUserResponseSchema, body.toString());
      expectSame(equals(GetUserResponseSchema, message, GET_USER_RESPONSE), body.toString());
    },
  };
}

/** A unary gRPC-Web call. Source: gRPC-Web protocol: the trailers come as the body's last envelope. */
export function grpcWebCall(): Call {
  return {
    method: "POST",
    path: GET_USER_PATH,
    headers: [
      ["content-type", "application/grpc-web+proto"],
      ["x-grpc-web", "1"],
    ],
    body: envelope(toBinary(GetUserRequestSchema, GET_USER_REQUEST)),
    checkHeaders(headers) {
      expectHeader(headers, ":status", "200");
      expectHeader(headers, "content-type", "application/grpc-web+proto");
    },
    checkBody(body) {
      const end = 5 + body.readUInt32BE(1);
      expectMessage(GetUserResponseSchema, messageOf(body.subarray(0, end), 0), GET_USER_RESPONSE);
      const trailers = messageOf(body.subarray(end), TRAILERS).toString();
      expectSame(/^grpc-status: ?0\r\n/im.test(trailers), trailers);
    },
  };
}

/** Flags of an envelope. */
const COMPRESSED = 1;
const TRAILERS = 0x80;

/** Source: gRPC over HTTP2, Length-Prefixed-Message. */
function envelope(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function messageOf(body: Buffer, flags: number): Buffer {
  expectSame(body[0] === flags && body.readUInt32BE(1) === body.length - 5, `envelope ${body.toString("hex", 0, 5)}`);
  return body.subarray(5);
}

function expectMessage<Desc extends DescMessage>(desc: Desc, bytes: Uint8Array, expected: MessageShape<Desc>): void {
  expectSame(equals(desc, fromBinary(desc, bytes), expected), Buffer.from(bytes).toString("hex"));
}

/** `undefined`: the header must not be there. */
export function expectHeader(
  headers: ReadonlyMap<string, string>,
  name: string,
  expected: string | RegExp | undefined,
): void {
  const value = headers.get(name);
  const matches = expected instanceof RegExp ? expected.test(value ?? "") : value === expected;
  if (!matches) throw new Error(`${name} is ${value}, not ${expected}, in ${JSON.stringify([...headers])}`);
}

function expectSame(isSame: boolean, found: string): void {
  if (!isSame) throw new Error(`not the expected answer: ${found}`);
}

/** Text that compresses about as well as text does, always the same. */
function textOf(length: number): string {
  const words = "service request answer deadline status stream window header frame trailer limit user".split(" ");
  let text = "";
  for (let seed = 1; text.length < length; seed = (seed * 48_271) % 2_147_483_647) {
    text += `${words[seed % words.length]} ${seed.toString(36)} `;
  }
  return text.slice(0, length);
}

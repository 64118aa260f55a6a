import {
  create,
  type DescMessage,
  fromBinary,
  type JsonObject,
  type Message,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";

/** `aip-193`: `{"error": {"code": 404, "status": "NOT_FOUND", …}}`; `status`: the JSON of google.rpc.Status. */
export type ErrorFormat = "aip-193" | "status";

/** Source: google/rpc/code.proto, "HTTP Mapping". */
const STATUSES: ReadonlyMap<Code, readonly [name: string, httpStatus: number]> = new Map([
  [Code.Canceled, ["CANCELLED", 499]],
  [Code.Unknown, ["UNKNOWN", 500]],
  [Code.InvalidArgument, ["INVALID_ARGUMENT", 400]],
  [Code.DeadlineExceeded, ["DEADLINE_EXCEEDED", 504]],
  [Code.NotFound, ["NOT_FOUND", 404]],
  [Code.AlreadyExists, ["ALREADY_EXISTS", 409]],
  [Code.PermissionDenied, ["PERMISSION_DENIED", 403]],
  [Code.ResourceExhausted, ["RESOURCE_EXHAUSTED", 429]],
  [Code.FailedPrecondition, ["FAILED_PRECONDITION", 400]],
  [Code.Aborted, ["ABORTED", 409]],
  [Code.OutOfRange, ["OUT_OF_RANGE", 400]],
  [Code.Unimplemented, ["UNIMPLEMENTED", 501]],
  [Code.Internal, ["INTERNAL", 500]],
  [Code.Unavailable, ["UNAVAILABLE", 503]],
  [Code.DataLoss, ["DATA_LOSS", 500]],
  [Code.Unauthenticated, ["UNAUTHENTICATED", 401]],
]);

const UNKNOWN_STATUS = ["UNKNOWN", 500] as const;

/** The HTTP status that a code is told by; 500 for what is no code. */
export function httpStatusOf(code: Code): number {
  const [, httpStatus] = STATUSES.get(code) ?? UNKNOWN_STATUS;
  return httpStatus;
}

/**
 * The HTTP status of an error. ABORTED is what a service answers to an etag that is not the resource's (AIP-154): where
 * `If-Match` asked for it, it is 412. Source: RFC 9110, 13.1.1 and 15.5.13.
 */
export function statusOfError({ code }: ConnectError, hadIfMatch: boolean): number {
  return hadIfMatch && code === Code.Aborted ? 412 : httpStatusOf(code);
}

/**
 * An error as JSON. Details are written with `@type`; those whose type is not known have `value`, their bytes in base64;
 * those that cannot be written are left out. Never throws.
 * @param registry knows the types of details that came from another server; others need none
 */
export function writeErrorBody(
  error: ConnectError,
  httpStatus: number,
  format: ErrorFormat,
  registry?: Registry,
): { contentType: string; body: Uint8Array } {
  const message = error.rawMessage;
  const details = error.details.map((detail) => detailJson(detail, registry)).filter((each) => each !== undefined);
  const [status] = STATUSES.get(error.code) ?? UNKNOWN_STATUS;
  const json =
    format === "status"
      ? { code: error.code, message, details }
      : { error: { code: httpStatus, message, status, details } };
  return { contentType: "application/json", body: Buffer.from(JSON.stringify(json), "utf8") };
}

type Detail = ConnectError["details"][number];
type OutgoingDetail = Extract<Detail, { desc: DescMessage }>;
type IncomingDetail = Exclude<Detail, OutgoingDetail>;

function detailJson(detail: Detail, registry: Registry | undefined): JsonObject | undefined {
  try {
    if ("desc" in detail) return messageJson(detail.desc, create(detail.desc, detail.value), registry);
    return incomingJson(detail, registry);
  } catch {
    // The code and the message are worth more than it.
    return undefined;
  }
}

/** Source: google/protobuf/any.proto, "JSON". */
function messageJson(desc: DescMessage, message: Message, registry: Registry | undefined): JsonObject {
  const type = { "@type": `${TYPE_PREFIX}${desc.typeName}` };
  const json = toJson(desc, message, registry === undefined ? {} : { registry });
  return hasCustomJsonRepresentation(desc) ? { ...type, value: json } : { ...type, ...(json as JsonObject) };
}

function incomingJson({ type, value }: IncomingDetail, registry: Registry | undefined): JsonObject {
  const desc = registry?.getMessage(type);
  if (desc !== undefined) return messageJson(desc, fromBinary(desc, value), registry);
  return { "@type": `${TYPE_PREFIX}${type}`, value: base64Encode(value) };
}

const TYPE_PREFIX = "type.googleapis.com/";

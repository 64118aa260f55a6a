import type { Message } from "@bufbuild/protobuf";
import type { Binding } from "../rules/binding.ts";
import { type BodyOptions, compileBodyReader } from "./body-reader.ts";
import { compilePathReader } from "./path-reader.ts";
import { compileQueryReader, type QueryOptions } from "./query-reader.ts";
import { compileMaskSetter } from "./update-mask.ts";

export interface RequestOptions extends BodyOptions, QueryOptions {
  /** Whether parameters that name no field are let through. Those that name one that they cannot set never are. Default: false. */
  readonly ignoreUnknownParameters?: boolean | undefined;
  /** Whether fields of the body, and names of enums in it, that are not known are let through. Default: false. */
  readonly ignoreUnknownFields?: boolean | undefined;
  /** How many messages, or objects and arrays of the body, may stand within each other. */
  readonly maxDepth: number;
  /** How many parameters a query may have. Default: 1000. */
  readonly maxQueryPairs?: number | undefined;
  /** Knows the types in google.protobuf.Any, and extensions. Default: none, and an Any that is not empty is refused. */
  readonly registry?: BodyOptions["registry"];
  /** The name of the field that carries the body's etag, which update masks leave out. Default: "etag"; undefined: there is none. */
  readonly etagField?: string | undefined;
}

export interface RequestParts {
  /** What the path's variables have, decoded, in the order of the binding's. */
  readonly values: readonly string[];
  /** The text after "?", as it came; "" when there is none. */
  readonly query: string;
  /** Decompressed; not copied for a google.api.HttpBody, so it must not change any more. */
  readonly body: Uint8Array;
  /** The header Content-Type. Whether it is one that the method takes is the caller's to check: see isJsonContentType. */
  readonly contentType: string | null;
}

export interface RequestReader {
  /**
   * The request message.
   *
   * @throws ConnectError INVALID_ARGUMENT, with a google.rpc.BadRequest that names the fields or parameters, if it is about some
   */
  read(parts: RequestParts): Message;
}

/**
 * Reads the requests of one binding: what the body sets, then what the path does, then what the query does. None of them overrides
 * another. Source: google/api/http.proto, "Rules for HTTP mapping".
 *
 * @throws TypeError for a path variable whose field no text can be the value of
 */
export function compileRequestReader(binding: Binding, options: RequestOptions): RequestReader {
  const readBody = compileBodyReader(binding, options);
  const readPath = compilePathReader(binding);
  const readQuery = compileQueryReader(binding, options);
  const setMask = compileMaskSetter(binding, {
    ...options,
    etagField: "etagField" in options ? options.etagField : "etag",
  });
  return {
    read({ values, query, body, contentType }) {
      const { message, json } = readBody(body, contentType);
      readPath(message, values);
      readQuery(message, query);
      if (json !== undefined) setMask?.(message, json);
      return message;
    },
  };
}

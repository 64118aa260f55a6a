import type { Registry } from "@bufbuild/protobuf";
import { createHeaderPolicy, type HeaderPolicy, type HeaderPolicyOptions } from "./metadata/header-policy.ts";
import type { RequestOptions } from "./request/request-reader.ts";
import type { ErrorFormat } from "./response/error-body.ts";
import type { ResponseOptions } from "./response/response-writer.ts";
import type { BindingOptions } from "./rules/read-bindings.ts";

export interface RestOptions extends HeaderPolicyOptions {
  /**
   * A `google.api.Service` config, YAML or JSON text or an object: its `http` rules replace the annotations of the methods that they select.
   * Default: the annotations alone.
   */
  readonly serviceConfig?: string | object;

  /** Whether query parameters that name no field are ignored. Default: they are refused, by name. */
  readonly ignoreUnknownParameters?: boolean;
  /** Whether fields of a JSON body that are not known are ignored. Default: they are refused, by name. */
  readonly ignoreUnknownFields?: boolean;
  /** How many parameters a query may have. More: 400. Default: 1000. */
  readonly maxQueryPairs?: number;
  /** How deep a body may be nested. Deeper: 400. Default: the server's. */
  readonly maxDepth?: number;

  /** Whether fields that have their default value are written. Default: true. */
  readonly alwaysEmitImplicit?: boolean;
  /** Whether enums are written as numbers. Default: by name. */
  readonly enumAsInteger?: boolean;
  /** Whether 64-bit integers are written as numbers, of which JavaScript loses digits beyond 2^53. Default: as text. */
  readonly int64AsNumbers?: boolean;
  /** Whether fields are written by their names in the proto, `display_name`. Default: `displayName`. Both are read. */
  readonly useProtoFieldName?: boolean;
  /** The largest body of an answer, in bytes. Larger: 429. Default: the server's. */
  readonly writeMaxBytes?: number;

  /**
   * The name of the field that carries a resource's etag, which becomes the header ETag, and is set by If-Match; false: none.
   * Default: `etag` (AIP-154).
   */
  readonly etagField?: string | false;
  /**
   * Whether that field holds whole entity tags, `"foo"` or `W/"foo"`, as AIP-154 wants them: ETag is then the field's value as it is, and
   * If-Match sets it as it is. Values that are no entity tag are not sent. Default: false: `foo`, which ETag has in quotes.
   */
  readonly quotedEtags?: boolean;
  /** The body of errors: AIP-193's `{"error": …}`, or a plain google.rpc.Status. Default: `aip-193`. */
  readonly errorFormat?: ErrorFormat;
  /** The types that google.protobuf.Any may hold, and extensions. Default: none. */
  readonly registry?: Registry;
}

/** What the parts are told. */
export interface RestSettings {
  readonly rules: Omit<BindingOptions, "methods">;
  readonly request: Omit<RequestOptions, "maxDepth"> & { readonly maxDepth: number | undefined };
  readonly response: Omit<ResponseOptions, "writeMaxBytes"> & { readonly writeMaxBytes: number | undefined };
  readonly headers: HeaderPolicy;
  readonly registry: Registry | undefined;
  readonly etagField: string | undefined;
  readonly quotedEtags: boolean;
  readonly errorFormat: ErrorFormat;
}

/** @throws RangeError or TypeError for a value that an option cannot have: it would switch a limit off without a word */
export function withDefaults(options: RestOptions): RestSettings {
  const { serviceConfig, registry, maxDepth, writeMaxBytes, errorFormat = "aip-193" } = options;
  assertPositive("maxQueryPairs", options.maxQueryPairs);
  assertPositive("maxDepth", maxDepth);
  assertPositive("writeMaxBytes", writeMaxBytes);
  assertErrorFormat(errorFormat);
  const { quotedEtags = false } = options;
  const etagField = options.etagField === false ? undefined : (options.etagField ?? "etag");
  return {
    rules: serviceConfig === undefined ? {} : { serviceConfig },
    request: {
      ignoreUnknownParameters: options.ignoreUnknownParameters,
      ignoreUnknownFields: options.ignoreUnknownFields,
      maxQueryPairs: options.maxQueryPairs,
      maxDepth,
      registry,
      etagField,
    },
    response: {
      alwaysEmitImplicit: options.alwaysEmitImplicit,
      enumAsInteger: options.enumAsInteger,
      int64AsNumbers: options.int64AsNumbers,
      useProtoFieldName: options.useProtoFieldName,
      registry,
      etagField,
      quotedEtags,
      writeMaxBytes,
    },
    headers: createHeaderPolicy(options),
    registry,
    etagField,
    quotedEtags,
    errorFormat,
  };
}

function assertPositive(name: string, value: unknown): void {
  if (value === undefined || (typeof value === "number" && value > 0)) return;
  throw new RangeError(`${name} must be a number above 0: it is ${value}`);
}

const ERROR_FORMATS: readonly unknown[] = ["aip-193", "status"] satisfies ErrorFormat[];

function assertErrorFormat(value: unknown): void {
  if (ERROR_FORMATS.includes(value)) return;
  throw new RangeError(`errorFormat must be "aip-193" or "status": it is ${JSON.stringify(value)}`);
}

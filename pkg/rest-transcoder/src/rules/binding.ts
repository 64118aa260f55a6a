import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { PathTemplate } from "./path-template.ts";

/** One way of HTTP to call an RPC: a rule, or one of its additional bindings, checked against the RPC's messages. */
export interface Binding {
  readonly rpc: DescMethod;
  /** `GET`, `PATCH`, …, as requests have it: in capitals but for custom kinds. `*` for a custom kind that takes any. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** The fields that the template's variables set, in its order; each is the way to a field, `user.id`. */
  readonly variables: readonly (readonly DescField[])[];
  /** The field that the body sets; `*` for all that the path does not; undefined: there is no body. */
  readonly body: DescField | "*" | undefined;
  /** The field of the answer that is its body; undefined: all of it. */
  readonly responseBody: DescField | undefined;
}

/** `user.v1.UserService.GetUser`: as selectors of service configs have it. */
export function rpcName(rpc: DescMethod): string {
  return `${rpc.parent.typeName}.${rpc.name}`;
}

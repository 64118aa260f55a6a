import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation } from "@bufbuild/protobuf/wkt";
import { printable } from "./bad-request.ts";
import { fieldsByName } from "./message-fields.ts";

/** The way to a value in JSON: the names of members, the places of elements. */
export type JsonPath = readonly (string | number)[];

/** The same way by the names of the proto, `user.emails[1]`; of what is unknown, by the client's names for it. */
export function fieldPathOf(desc: DescMessage, path: JsonPath): string {
  let printed = "";
  let message: DescMessage | undefined = desc;
  let isInMap = false;
  for (const step of path) {
    if (typeof step === "number" || isInMap) {
      printed += `[${printable(String(step))}]`;
      isInMap = false;
      continue;
    }
    const hasFields: boolean = message !== undefined && !hasCustomJsonRepresentation(message);
    const field: DescField | undefined = hasFields ? fieldsByName(message as DescMessage).get(step) : undefined;
    printed = joinNames(printed, field?.name ?? printable(step));
    message = field?.message;
    isInMap = field?.fieldKind === "map";
  }
  return printed;
}

export function joinNames(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

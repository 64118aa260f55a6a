import type { Binding } from "../rules/binding.ts";

/** One parameter: no two parts of it can take the same characters, so a long header is refused as soon as a short one. */
const PARAMETER = /^([\w!#$%&'*+.^`|~-]+)=(?:"([^"]*)"|([^\s"]*))$/;

/**
 * Whether a body of this Content-Type is read as JSON: `application/json`, in UTF-8 if it names a charset, or null: no header.
 * Types that end with `+json` are not: `application/json-patch+json` is JSON, but no message. Source: RFC 8259, 11; RFC 6902.
 */
export function isJsonContentType(header: string | null): boolean {
  if (header === null || header === "application/json") return true;
  const [type, ...parameters] = header
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  return type === "application/json" && parameters.every(isParameter);
}

/** Any that is well-formed, but another charset than UTF-8. Source: RFC 9110, 5.6.6 and 8.3, which allows empty ones. */
function isParameter(text: string): boolean {
  if (text === "") return true;
  const [found, name, quoted, plain = quoted] = PARAMETER.exec(text) ?? [];
  return found !== undefined && (name !== "charset" || plain === "utf-8" || plain === "utf8");
}

/** Whether the body is a google.api.HttpBody, which takes it as it is, whatever its Content-Type. */
export function takesAnyContentType({ rpc, body }: Pick<Binding, "rpc" | "body">): boolean {
  if (body === undefined) return false;
  const message = body === "*" ? rpc.input : body.fieldKind === "message" ? body.message : undefined;
  return message?.typeName === "google.api.HttpBody";
}

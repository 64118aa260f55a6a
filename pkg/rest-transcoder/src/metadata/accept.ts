/** Source: RFC 9110, 12.5.1. */
const RANGE = /^\s*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)\s*((?:;[^;]*)*)$/;
const WEIGHT_ZERO = /;\s*q=0(?:\.0{0,3})?\s*(?:;|$)/i;

/**
 * Whether a client takes answers of this type, `application/json`. Without the header it takes any; of ranges that fit, the most
 * specific one decides. Source: RFC 9110, 12.5.1.
 */
export function acceptsType(accept: string | null, type: string): boolean {
  if (accept === null || accept === "" || accept === "*/*" || accept === type) return true;
  const weights = new Map<string, boolean>();
  for (const part of accept.toLowerCase().split(",")) {
    const [, range, parameters = ""] = RANGE.exec(part) ?? [];
    if (range !== undefined) weights.set(range, !WEIGHT_ZERO.test(parameters));
  }
  const ranges = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  for (const range of ranges) {
    const isTaken = weights.get(range);
    if (isTaken !== undefined) return isTaken;
  }
  return false;
}

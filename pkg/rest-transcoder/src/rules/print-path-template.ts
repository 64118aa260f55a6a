import type { PathTemplate, Segment } from "./path-template.ts";

/** In a template these are not the text itself. */
const ENCODED = /[^\w\-.~!$&'()+,;=@]/gu;

/**
 * The template's text. What `parsePathTemplate` reads from it is the same template: `{a=*}` comes out as `{a}`, and
 * literals percent-encoded where they have to be.
 */
export function printPathTemplate({ segments, verb, variables }: PathTemplate): string {
  const parts: string[] = [];
  let printed = 0;
  for (const { fieldPath, start, end, isMulti } of variables) {
    parts.push(...segments.slice(printed, start).map(printSegment));
    const taken = segments.slice(start, end).map(printSegment).join("/");
    parts.push(isMulti ? `{${fieldPath.join(".")}=${taken}}` : `{${fieldPath.join(".")}}`);
    printed = end;
  }
  parts.push(...segments.slice(printed).map(printSegment));
  return `/${parts.join("/")}${verb === undefined ? "" : `:${encodeLiteral(verb)}`}`;
}

function printSegment(segment: Segment): string {
  return segment.kind === "literal" ? encodeLiteral(segment.text) : segment.kind;
}

function encodeLiteral(text: string): string {
  return text.replace(ENCODED, (character) => (character === "*" ? "%2A" : encodeURIComponent(character)));
}

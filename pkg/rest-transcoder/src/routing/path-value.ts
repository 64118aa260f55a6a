/** What is wrong with a path's text; undefined: nothing. Then it can be decoded, all of it and segment by segment. */
export function findPathFault(path: string): string | undefined {
  if (PLAIN.test(path)) return undefined;
  let isEncoded = false;
  for (let index = 0; index < path.length; index++) {
    const code = path.charCodeAt(index);
    // Nothing else can be in a URI, so what it was meant to be would be a guess. Source: RFC 3986, 2.
    if (code <= 0x20 || code >= 0x7f) return "the path has characters that must be percent-encoded";
    if (code !== PERCENT) continue;
    if (!isHexDigit(path.charCodeAt(index + 1)) || !isHexDigit(path.charCodeAt(index + 2))) {
      return "the path has a percent sign that no two hexadecimal digits follow";
    }
    isEncoded = true;
  }
  if (isEncoded && decodeText(path) === null) return "the path's percent-encoded text is not UTF-8";
  return undefined;
}

/** What most paths are: nothing to decode, and nothing to refuse. */
const PLAIN = /^[!-$&-~]*$/;

/** Decoded once; null when it cannot be. */
export function decodeText(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Segments with the slashes between them: `%2F` stays as it was sent, to be told from those. Source: http.proto. */
export function decodeSegments(text: string): string {
  return decodeBetween(text, "%2F", (part) => decodeBetween(part, "%2f", decodeURIComponent));
}

function decodeBetween(text: string, kept: string, decode: (part: string) => string): string {
  if (!text.includes(kept)) return decode(text);
  return text
    .split(kept)
    .map((part) => decode(part))
    .join(kept);
}

const PERCENT = 0x25;

/** False for NaN, which `charCodeAt` has beyond the end. */
function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

export const REDACTED = "[redacted]";

// Every expression is linear: its repetitions are bounded, or each of their characters is read once.
const HEADER = /((?:authorization|cookie)s?["']?\s{0,8}[:=])\s{0,8}[^\r\n]+/gi;
const BEARER = /\b(bearer)\s{1,8}[^\s"'<>]{8,}/gi;
// What is not all small letters tells a credential from prose: "basic authentication".
const BASIC = /\b([Bb]asic)\s{1,8}(?=[a-z]*[A-Z0-9+/=])[A-Za-z0-9+/]{6,}={0,2}/g;
// RFC 7519: the header is an object, so that its base64url starts with eyJ.
const JSON_WEB_TOKEN = /(?<![\w-])eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?/g;
const NAME = "(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|private)[-_]?key|credential|dsn)";
// password=x, password = "x", "password":"x" (also escaped), password: 'x'. Without quotes a colon is prose: "token: bad".
const ASSIGNMENT = new RegExp(
  String.raw`(${NAME}[\w-]{0,32}\\{0,3}["']?\s{0,8}(?:=\s{0,8}|:\s{0,8}(?=\\{0,3}["'])))` +
    String.raw`(?:\\{0,3}"(?:[^"\\]|\\.)*"?|\\{0,3}'(?:[^'\\]|\\.)*'?|[^\s&;,]+)`,
  "gis",
);

/**
 * The same text with what must not be written masked: credentials in URLs (`postgresql://user:[redacted]@host`),
 * values given to a secret's name (`password=[redacted]`), bearer and basic credentials, JSON Web Tokens, and e-mail
 * addresses (`a***@example.com`). Takes time in proportion to the text's length, whatever is in it.
 */
export function redactText(text: string): string {
  return maskEmails(
    maskUrlCredentials(text)
      .replace(HEADER, `$1 ${REDACTED}`)
      .replace(BEARER, `$1 ${REDACTED}`)
      .replace(BASIC, `$1 ${REDACTED}`)
      .replace(JSON_WEB_TOKEN, REDACTED)
      .replace(ASSIGNMENT, `$1${REDACTED}`),
  );
}

const END_OF_AUTHORITY = /[\s/?#<>]/;
const END_OF_URL = /[\s<>]/;
const LONGEST_PASSWORD = 256;

/** RFC 3986, 3.2.1: the user information ends at the last @ before the path. The user's name is kept. */
function maskUrlCredentials(text: string): string {
  let masked = "";
  let from = 0;
  for (let slashes = text.indexOf("://"); slashes !== -1; slashes = text.indexOf("://", Math.max(slashes + 3, from))) {
    const start = slashes + 3;
    const at = endOfUserInfo(text, start);
    if (at === -1) continue;
    const colon = text.indexOf(":", start);
    masked += text.slice(from, colon !== -1 && colon < at ? colon + 1 : start) + REDACTED;
    from = at;
  }
  return from === 0 ? text : masked + text.slice(from);
}

/** Where the @ is that ends the user information which starts at `start`; -1 when there is none. */
function endOfUserInfo(text: string, start: number): number {
  let at = -1;
  let i = start;
  for (; i < text.length && !END_OF_AUTHORITY.test(text.charAt(i)); i += 1) if (text[i] === "@") at = i;
  if (at !== -1) return at;
  // `user:pa/ss@host` is no URL, but what somebody meant by it: after a host there would be a port.
  const colon = text.indexOf(":", start);
  if (colon === -1 || colon >= i || /^\d*$/.test(text.slice(colon + 1, i))) return -1;
  const end = Math.min(text.length, i + LONGEST_PASSWORD);
  for (; i < end && !END_OF_URL.test(text.charAt(i)); i += 1) if (text[i] === "@") at = i;
  return at;
}

const AT = /@|%40/g;
/** Of ASCII; all other characters may stand in a local part (RFC 6531). */
const NOT_LOCAL: ReadonlySet<number> = new Set([...Array(33).keys(), ...Buffer.from('"`<>()[],;:/\\?&=@\u007f')]);
const DOMAIN = /[\p{L}\p{N}.-]+|\[[\p{N}a-fA-F.:]+\]/uy;
const VERSION = /^$|^v?\d+(?:\.\d+)*(?:-[\w.-]*)?\.*$/;
const LONGEST_LOCAL_PART = 128;

/** Keeps an address's first character and domain. What looks like `package@1.2.3` is none. */
function maskEmails(text: string): string {
  let masked = "";
  let from = 0;
  for (const { index, 0: at } of text.matchAll(AT)) {
    const least = Math.max(from, index - LONGEST_LOCAL_PART);
    let start = index;
    while (start > least && !NOT_LOCAL.has(text.charCodeAt(start - 1))) start -= 1;
    // An apostrophe inside is O'Brien's, one before is a quotation's.
    while (start < index && text[start] === "'") start += 1;
    DOMAIN.lastIndex = index + at.length;
    const [domain = ""] = DOMAIN.exec(text) ?? [];
    if (start >= index || VERSION.test(domain)) continue;
    // After a colon it may as well be a password: user:password@host.
    const kept = text[start - 1] === ":" ? "" : String.fromCodePoint(text.codePointAt(start) ?? 0);
    masked += `${text.slice(from, start)}${kept}***${at}${domain}`;
    from = index + at.length + domain.length;
  }
  return from === 0 ? text : masked + text.slice(from);
}

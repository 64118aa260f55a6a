/** Whatever has one of these in its key is a secret: letters and digits alone count, in either case. */
export const SECRET_KEYS: readonly string[] = [
  "password",
  "passwd",
  "passphrase",
  "pwd",
  "secret",
  "token",
  "session",
  "jwt",
  "signature",
  "authorization",
  "cookie",
  "apiKey",
  "accessKey",
  "privateKey",
  "credential",
  "connectionString",
  "databaseUrl",
  "dsn",
];

const MAX_CACHED = 1_000;

/** Tells whether the value of a key is a secret. Remembers its answers, for the first thousand keys. */
export function createSecretKeys(more: readonly string[]): (key: string) => boolean {
  const parts = [...SECRET_KEYS, ...more].map(lettersAndDigits).filter((part) => part !== "");
  const known = new Map<string, boolean>();
  return (key) => {
    const answer = known.get(key);
    if (answer !== undefined) return answer;
    const plain = lettersAndDigits(key);
    const isSecret = parts.some((part) => plain.includes(part));
    if (known.size < MAX_CACHED) known.set(key, isSecret);
    return isSecret;
  };
}

/** `X-Api_Key` → `xapikey`. */
function lettersAndDigits(key: string): string {
  return key.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
}

import convict from "convict";

/** One option of a service: convict's description of it, with a value of type T. */
export type Option<T> = convict.SchemaObj<T>;

interface Described<T> {
  /** What the option does, for the reader of the reference. */
  readonly doc: string;
  readonly default: T;
}

// convict's own formats accept "80abc" as 80; these accept what they say and nothing else.
convict.addFormats({
  "tcp port": {
    coerce: strictInteger,
    validate: (value) => check(isIntegerWithin(value, 0, 65_535), "must be a port number, 0 (any free one) to 65535"),
  },
  milliseconds: {
    coerce: strictInteger,
    // Node's timers fire at once beyond this.
    validate: (value) => check(isIntegerWithin(value, 0, 2 ** 31 - 1), "must be a whole number of milliseconds"),
  },
  count: {
    coerce: strictInteger,
    validate: (value) => check(isIntegerWithin(value, 1, Number.MAX_SAFE_INTEGER), "must be a whole number above 0"),
  },
  share: {
    coerce: (value) => (typeof value === "string" && /^[01](\.\d{1,9})?$/.test(value) ? Number(value) : value),
    validate: (value) => check(typeof value === "number" && value >= 0 && value <= 1, "must be a number from 0 to 1"),
  },
  flag: {
    coerce: (value) => ({ true: true, false: false })[String(value)] ?? value,
    validate: (value) => check(typeof value === "boolean", "must be true or false"),
  },
  list: {
    coerce: (value) => (typeof value === "string" ? value.split(",").flatMap((item) => item.trim() || []) : value),
    validate: (value) =>
      check(Array.isArray(value) && value.every((item) => typeof item === "string"), "must be a list: a,b,c"),
  },
  "postgresql url": {
    validate: (value) =>
      check(isPostgresUrl(value), "must be set: a URL such as postgresql://user:password@localhost:5432/database"),
  },
});

export const port = (option: Described<number>): Option<number> => ({ ...option, format: "tcp port" });
export const milliseconds = (option: Described<number>): Option<number> => ({ ...option, format: "milliseconds" });
export const count = (option: Described<number>): Option<number> => ({ ...option, format: "count" });
export const share = (option: Described<number>): Option<number> => ({ ...option, format: "share" });
export const flag = (option: Described<boolean>): Option<boolean> => ({ ...option, format: "flag" });
export const text = (option: Described<string>): Option<string> => ({ ...option, format: String });

/** Items without commas in them, separated by commas in a variable, an array in a file. */
export const list = (option: Described<readonly string[]>): Option<readonly string[]> => ({
  ...option,
  format: "list",
});

export const oneOf = <T extends string>(values: readonly T[], option: Described<T>): Option<T> => ({
  ...option,
  format: [...values],
});

/** A secret, since it holds a password. Has no default: it must be given. */
export const postgresUrl = ({ doc }: { readonly doc: string }): Option<string> => ({
  doc,
  default: "",
  format: "postgresql url",
  sensitive: true,
});

function strictInteger(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
}

function isIntegerWithin(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}

function isPostgresUrl(value: unknown): boolean {
  return typeof value === "string" && /^postgres(ql)?:\/\//.test(value) && URL.canParse(value);
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

import { isAbsolute, join, relative } from "node:path";
import { evaluate } from "./evaluate.ts";
import { type Layer, type Origin, readFile, readFlags, readVariables } from "./layers.ts";
import { createNames, didYouMean, type Names, nearest } from "./names.ts";
import type { Options, Values } from "./options.ts";
import { show } from "./show.ts";

/** The values that `APP_ENV` may have; the first is the default. */
export const ENVIRONMENTS = ["development", "test", "staging", "production"] as const;

export type Environment = (typeof ENVIRONMENTS)[number];

/** What several options must fulfil together. */
export interface Rule<Config> {
  /** The options it is about. It is checked only when each of these has an allowed value. */
  readonly keys: readonly (keyof Config & string)[];
  /** The rule in words, for the error and the reference: "the cap must be at least the default". */
  readonly rule: string;
  /** Whether the values fulfil it. Reads no other options than `keys`. */
  readonly holds: (config: Config) => boolean;
}

/** Everything that can be configured about a service. */
export interface Schema<O extends Options> {
  /** In kebab-case: `user-service`. Its variables begin with `USER_SERVICE_`. */
  readonly service: string;
  readonly options: O;
  /** Default: none. */
  readonly rules?: readonly Rule<Values<O>>[];
  /** Keys of options whose variables have no prefix: `port` is `PORT`. Default: none. */
  readonly plainVariables?: readonly (keyof O & string)[];
  /** The folder of `<APP_ENV>.json`, each with what differs from the defaults there. */
  readonly directory: string;
}

/** A schema, and what to read. */
export interface LoadOptions<O extends Options> extends Schema<O> {
  /** Default: the process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Flags: `--drain-delay-ms=5s`. Default: none. */
  readonly args?: readonly string[];
}

/** A configuration in force. */
export interface LoadedConfig<O extends Options> {
  readonly environment: Environment;
  readonly values: Values<O>;
  readonly origins: { readonly [Key in keyof O]: Origin };
}

/** The configuration cannot be used. The message has a line for each thing that is wrong, and no secret. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The lines, without the headline. */
  readonly errors: readonly string[];

  constructor(headline: string, errors: readonly string[]) {
    super([`${headline}:`, ...errors.map((line) => `  ${line}`)].join("\n"));
    this.errors = errors;
  }
}

/**
 * The values of all options: flags, over environment variables (or the files that `…_FILE` variables name, for
 * secrets), over `<directory>/<APP_ENV>.json`, over the defaults. A value that another one overrides is not checked.
 * @throws ConfigError with everything that is wrong
 */
export function loadConfig<O extends Options>(load: LoadOptions<O>): LoadedConfig<O> {
  const { service, options, rules = [], plainVariables = [], directory, env = process.env, args = [] } = load;
  const names = createNames(service, options, plainVariables);
  const environment = env.APP_ENV || ENVIRONMENTS[0];
  const known = isEnvironment(environment);

  const layers: Layer[] = [
    ...(known ? [readFile(pathToShow(join(directory, `${environment}.json`)), options, names)] : []),
    readVariables(env, options, names),
    readFlags(args, options, names),
  ];
  const given = new Map(layers.flatMap((layer) => [...layer.given]));
  const origins: Record<string, Origin> = {};
  for (const key of Object.keys(options)) {
    origins[key] = given.get(key)?.origin ?? { source: "default", where: "default" };
  }
  const readable = [...given].flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value] as const]));
  const { values, wrong } = evaluate(options, new Map(readable));

  const usable = (key: string) => key in values && !wrong.has(key);
  const describe = (key: string, value: unknown) => {
    return `${key} = ${show(value, options[key])} (${origins[key]?.where})`;
  };
  const errors = [
    ...(known ? [] : [wrongEnvironment(environment)]),
    ...layers.flatMap((layer) => layer.errors),
    ...Object.entries(options).flatMap(([key, option]) => {
      if (usable(key)) return [];
      const value = given.has(key) ? given.get(key)?.value : option.default;
      if (wrong.has(key)) return `${describe(key, value)}: must be ${option.allowed}`;
      // What was given and cannot be read has its line already.
      return given.has(key) ? [] : `${key} (${variablesOf(key, options, names)}): must be set, to ${option.allowed}`;
    }),
    ...rules.flatMap(({ keys, rule, holds }) => {
      if (!keys.every(usable) || holds(values as Values<O>)) return [];
      return `${keys.map((key) => describe(key, values[key])).join(", ")}: ${rule}`;
    }),
  ];
  if (!known || errors.length > 0) {
    throw new ConfigError(`the configuration cannot be used (APP_ENV=${environment})`, errors);
  }
  return { environment, values: freeze(values) as Values<O>, origins: origins as LoadedConfig<O>["origins"] };
}

function isEnvironment(name: string): name is Environment {
  return ENVIRONMENTS.some((known) => known === name);
}

function wrongEnvironment(name: string): string {
  return `APP_ENV = ${show(name)}: must be one of ${ENVIRONMENTS.join(", ")}${didYouMean(nearest(name, ENVIRONMENTS))}`;
}

function variablesOf(key: string, options: Options, names: Names): string {
  const name = names.variable(key);
  return options[key]?.secret ? `${name} or ${name}_FILE` : name;
}

/** From the working folder when it is below that, so that lines stay short and can be clicked on. */
export function pathToShow(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith("..") || isAbsolute(fromHere) ? path : fromHere;
}

function freeze(values: Record<string, unknown>): Readonly<Record<string, unknown>> {
  for (const value of Object.values(values)) Object.freeze(value);
  return Object.freeze(values);
}

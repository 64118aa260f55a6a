import { readFileSync } from "node:fs";
import { JsonError, parseJsonObject } from "./json-document.ts";
import { didYouMean, type Names, nearest, upperSnake } from "./names.ts";
import type { Options } from "./options.ts";
import { show, showName } from "./show.ts";

/** Where a value comes from. */
export interface Origin {
  readonly source: "default" | "file" | "variable" | "flag";
  /** `default`, `configs/a-service/test.json:3:5` (line and column of the key), `PORT`, `--port`. */
  readonly where: string;
}

/** What one source gives: values as they stand there, and what is wrong with the rest, a line each. */
export interface Layer {
  readonly given: ReadonlyMap<string, { readonly value: unknown; readonly origin: Origin }>;
  readonly errors: readonly string[];
}

class LayerBuilder implements Layer {
  readonly given = new Map<string, { value: unknown; origin: Origin }>();
  readonly errors: string[] = [];
}

/** The options that a JSON file sets; none when there is no such file. `path` is repeated in what is said about it. */
export function readFile(path: string, options: Options, names: Names): Layer {
  const layer = new LayerBuilder();
  const lines = new Map<string, number>();
  for (const { key, value, line, column } of membersOf(path, layer)) {
    const where = `${path}:${line}:${column}`;
    const option = Object.hasOwn(options, key) ? options[key] : undefined;
    const firstLine = lines.get(key);
    lines.set(key, firstLine ?? line);
    if (option === undefined) {
      const suggestion = didYouMean(nearest(key, Object.keys(options)));
      layer.errors.push(`${showName(key)} (${where}): no such option${suggestion}`);
    } else if (firstLine !== undefined) {
      layer.errors.push(`${key} (${where}): set before, in line ${firstLine}`);
    } else if (option.secret) {
      layer.errors.push(`${key} (${where}): a secret does not belong in this file; ${insteadSet(names.variable(key))}`);
    } else {
      layer.given.set(key, { value, origin: { source: "file", where } });
    }
  }
  return layer;
}

function membersOf(path: string, layer: LayerBuilder) {
  try {
    return parseJsonObject(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof JsonError) {
      layer.errors.push(`${path}:${error.position.line}:${error.position.column}: ${error.message}`);
    } else if (codeOf(error) !== "ENOENT") {
      layer.errors.push(`${path}: cannot be read (${codeOf(error)})`);
    }
    return [];
  }
}

/** The options that environment variables set, or the files that `…_FILE` variables name. An empty one is not set. */
export function readVariables(env: NodeJS.ProcessEnv, options: Options, names: Names): Layer {
  const layer = new LayerBuilder();
  const known = new Set<string>();
  for (const [key, option] of Object.entries(options)) {
    const name = names.variable(key);
    known.add(name);
    const value = env[name];
    if (value) layer.given.set(key, { value, origin: { source: "variable", where: name } });
    if (!option.secret) continue;

    const fileName = `${name}_FILE`;
    known.add(fileName);
    const path = env[fileName];
    if (!path) continue;
    if (value) {
      layer.errors.push(`${key} (${name}, ${fileName}): both are set; unset one`);
      continue;
    }
    const content = readSecret(path);
    if (content instanceof Error) {
      layer.errors.push(`${key} (${fileName}): ${show(path)} ${content.message}`);
      // Given, so that it is not called missing as well.
      layer.given.set(key, { value: undefined, origin: { source: "variable", where: fileName } });
    } else {
      layer.given.set(key, { value: content, origin: { source: "variable", where: fileName } });
    }
  }
  layer.errors.push(...unknownVariables(env, known, options, names));
  return layer;
}

/** Without the line break that editors and `echo` end a file with. */
function readSecret(path: string): string | Error {
  try {
    const content = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    return content === "" ? new Error("is empty") : content;
  } catch (error) {
    return new Error(`cannot be read (${codeOf(error)})`);
  }
}

function unknownVariables(env: NodeJS.ProcessEnv, known: Set<string>, options: Options, names: Names): string[] {
  // Compared without the prefix: what is most often wrong with the name is that it has one, or none.
  const candidates = new Map(
    Object.keys(options).flatMap((key) => {
      const name = names.variable(key);
      const snake = upperSnake(key);
      return options[key]?.secret
        ? [[snake, name] as const, [`${snake}_FILE`, `${name}_FILE`] as const]
        : [[snake, name] as const];
    }),
  );
  return Object.keys(env)
    .filter((name) => name.startsWith(names.prefix) && env[name] && !known.has(name))
    .filter((name) => !isServiceLink(name.slice(names.prefix.length), env[name] ?? ""))
    .sort()
    .map((name) => {
      const slip = nearest(name.slice(names.prefix.length), [...candidates.keys()]);
      return `${showName(name)}: no such variable${didYouMean(slip && candidates.get(slip))}`;
    });
}

/**
 * Whether Kubernetes has set a variable, to say where a Service of that name is: it does for every Service of the
 * namespace (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
 */
function isServiceLink(rest: string, value: string): boolean {
  if (rest === "PORT") return /^(tcp|udp|sctp):\/\//.test(value);
  return /^(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/.test(rest);
}

/** The options that flags set: `--key=value`, or `--key` alone for a switch. */
export function readFlags(args: readonly string[], options: Options, names: Names): Layer {
  const layer = new LayerBuilder();
  const keys = new Map(Object.keys(options).map((key) => [names.flag(key), key]));
  let mayBeValue = false;
  for (const argument of args) {
    const [, name, value] = /^(--[^=]+)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) {
      // After a flag without its value it is most likely that: not repeated, since it may be a secret.
      if (!mayBeValue) layer.errors.push(`${show(argument)}: not a flag; a flag looks like --key=value`);
      mayBeValue = false;
      continue;
    }
    const key = keys.get(name);
    const option = key === undefined ? undefined : options[key];
    mayBeValue = value === undefined && option?.kind !== "flag";
    if (key === undefined || option === undefined) {
      layer.errors.push(`${showName(name)}: no such flag${didYouMean(nearest(name, [...keys.keys()]))}`);
    } else if (option.secret) {
      const reason = "a secret is no flag, since every user of the machine can read it";
      layer.errors.push(`${key} (${name}): ${reason}; ${insteadSet(names.variable(key))}`);
    } else if (mayBeValue) {
      layer.errors.push(`${key} (${name}): has no value; write ${name}=value`);
    } else if (layer.given.has(key)) {
      layer.errors.push(`${key} (${name}): given twice`);
    } else {
      layer.given.set(key, { value: value ?? "true", origin: { source: "flag", where: name } });
    }
  }
  return layer;
}

const insteadSet = (variable: string) => `set ${variable} or ${variable}_FILE`;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

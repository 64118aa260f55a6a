import { existsSync } from "node:fs";
import { join } from "node:path";
import convict from "convict";
import { findAsset } from "./find-asset.ts";
import type { Option } from "./options.ts";

/** The options of a service: keys in camelCase, each with its description and default. */
export type Options<Config> = { readonly [Key in keyof Config]: Option<Config[Key]> };

/** The configuration cannot be used. The message has one line for each thing that is wrong. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Options that have the same variable in every service; all others start with the service's name. */
const PLAIN_VARIABLES: Readonly<Record<string, string>> = {
  port: "PORT",
  adminPort: "ADMIN_PORT",
  logLevel: "LOG_LEVEL",
  databaseUrl: "DATABASE_URL",
};

export const ENVIRONMENTS = ["development", "test", "staging", "production"] as const;

/** The variable that sets an option: `drainDelayMs` of `user-service` → `USER_SERVICE_DRAIN_DELAY_MS`. */
export function variableOf(service: string, key: string): string {
  return PLAIN_VARIABLES[key] ?? `${upperSnake(service)}_${upperSnake(key)}`;
}

/**
 * The configuration of `service`: environment variables, over `configs/<service>/<APP_ENV>.json`, over the defaults.
 * @throws ConfigError
 */
export function loadConfig<Config>(
  service: string,
  options: Options<Config>,
  {
    env = process.env,
    directory = findAsset(`configs/${service}`),
  }: { env?: NodeJS.ProcessEnv; directory?: string } = {},
): Readonly<Config> {
  const schema = Object.fromEntries(
    Object.entries<Option<unknown>>(options).map(([key, option]) => [
      key,
      { ...option, env: variableOf(service, key) },
    ]),
  );
  const config = convict(schema as convict.Schema<Config>, { env, args: [] });

  const environment = env.APP_ENV || "development";
  if (!ENVIRONMENTS.some((known) => known === environment)) {
    throw new ConfigError(`APP_ENV: must be one of ${ENVIRONMENTS.join(", ")}; it is "${environment}"`);
  }
  const file = join(directory, `${environment}.json`);
  try {
    if (existsSync(file)) config.loadFile(file);
    config.validate({ allowed: "strict" });
  } catch (error) {
    const { message } = error as Error;
    const named = message.replace(/^\w+(?=: )/gm, (key) => `${key} (${variableOf(service, key)})`);
    throw new ConfigError(error instanceof SyntaxError ? `${file}: ${message}` : named, { cause: error });
  }
  return config.getProperties();
}

function upperSnake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toUpperCase();
}

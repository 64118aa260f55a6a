import {
  formatConfig,
  formatConfigAsJson,
  formatReference,
  type LoadedConfig,
  loadConfig,
  type Options,
  type Rule,
  type Values,
} from "@grpc-service-template/config";
import { findAsset } from "./find-asset.ts";

/** Options that have the same variable in every service; all others begin with the service's name. */
const PLAIN_VARIABLES = ["port", "adminPort", "logLevel", "databaseUrl"];

/** What a service can be told, and how to read it. */
export interface Configuration<O extends Options> {
  /** Reads `configs/<service>/<APP_ENV>.json`, the environment's variables and `args`. Throws ConfigError. */
  load(env?: NodeJS.ProcessEnv, args?: readonly string[]): LoadedConfig<O>;
  /** What `load` reads, as the command `config` prints it: a table, or JSON when `args` have `--json`. Throws ConfigError. */
  describe(args: readonly string[]): string;
  /** The reference of all options, in Markdown. */
  reference(): string;
}

/** The options of a service under the template's conventions (docs/decisions/0009-configuration.md). */
export function defineConfiguration<O extends Options>(
  service: string,
  options: O,
  rules: readonly Rule<Values<O>>[],
): Configuration<O> {
  const plainVariables = PLAIN_VARIABLES.filter((key) => key in options);
  const schema = () => ({ service, options, rules, plainVariables, directory: findAsset(`configs/${service}`) });
  const load: Configuration<O>["load"] = (env = process.env, args = []) => loadConfig({ ...schema(), env, args });
  return {
    load,
    describe(args) {
      const format = args.includes("--json") ? formatConfigAsJson : formatConfig;
      const loaded = load(
        process.env,
        args.filter((argument) => argument !== "--json"),
      );
      return format(loaded, options);
    },
    reference: () => formatReference(schema()),
  };
}

export { formatConfig, formatConfigAsJson } from "./format-config.ts";
export { formatReference } from "./format-reference.ts";
export type { Origin } from "./layers.ts";
export {
  ConfigError,
  ENVIRONMENTS,
  type Environment,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
  type Rule,
  type Schema,
} from "./load-config.ts";
export {
  bytes,
  count,
  type Described,
  flag,
  list,
  milliseconds,
  type Option,
  type Options,
  oneOf,
  origins,
  port,
  postgresUrl,
  type Range,
  secret,
  share,
  text,
  url,
  urls,
  type Values,
} from "./options.ts";

export type { RestOptions } from "./options.ts";
export { createRestTranscoder } from "./rest-transcoder.ts";
export { RuleError, type RuleProblem } from "./rules/rule-error.ts";

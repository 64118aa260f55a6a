/** One mistake in the rules. */
export interface RuleProblem {
  /** `user.v1.UserService.GetUser`; or `service config`, for what concerns no RPC. */
  readonly subject: string;
  /** `GET /v1/users/{id}`, as the rule has it; undefined when there is none. */
  readonly rule: string | undefined;
  readonly reason: string;
}

/** The HTTP rules of a program cannot be served. A mistake of whoever wrote them, found at start. */
export class RuleError extends Error {
  override readonly name = "RuleError";
  /** All of them. At least one. */
  readonly problems: readonly RuleProblem[];

  constructor(problems: readonly RuleProblem[]) {
    super(["the HTTP rules have mistakes:", ...problems.map(printProblem)].join("\n"));
    this.problems = problems;
  }
}

function printProblem({ subject, rule, reason }: RuleProblem): string {
  return [subject, rule, reason].filter((part) => part !== undefined).join(": ");
}

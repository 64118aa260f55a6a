/** Exit codes that tell an operator, and a script, what kind of trouble ended the process. Source: sysexits.h. */
export const EXIT = {
  /** The command line is wrong. */
  usage: 64,
  /** Data are not what the program expects: the schema of a database, say. */
  data: 65,
  /** Something that the program needs cannot be reached. */
  unavailable: 69,
  /** A defect. */
  crash: 70,
  /** The operating system refuses: a port is in use. */
  system: 71,
  /** Credentials are wrong, or lack a right. */
  permission: 77,
  /** The configuration is wrong. */
  configuration: 78,
} as const;

/** Ends the program with one line for the operator, without a stack: the trouble is not in the code. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: number;

  /** `message` says what is wrong and what to do; `exitCode` is one of {@link EXIT}. */
  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}

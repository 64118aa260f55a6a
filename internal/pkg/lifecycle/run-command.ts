import { ConfigError } from "@grpc-service-template/config";
import { redactText } from "@grpc-service-template/logging";
import { MigrationError } from "@grpc-service-template/prisma-migrations";
import { EXIT, ExitError } from "@grpc-service-template/service-lifecycle";

/** Each gets the arguments after its name. */
export type Commands = Readonly<Record<string, (args: readonly string[]) => Promise<void>>>;

/**
 * Runs the command that the arguments name, the first of `commands` when they begin with none: nothing, or a flag. With
 * `--help` among them it prints the commands. An error becomes lines on standard error and the exit code that tells its kind.
 */
export async function runCommand(program: string, commands: Commands, args = process.argv.slice(2)): Promise<void> {
  const usage = `usage: ${program} [${Object.keys(commands).join(" | ")}] [--option=value ...]\n`;
  if (args.some((arg) => arg === "--help" || arg === "-h")) {
    process.stdout.write(usage);
    return;
  }
  const named = args[0] !== undefined && !args[0].startsWith("-");
  const [, command] = Object.entries(commands).find(([name]) => !named || name === args[0]) ?? [];
  if (!command) {
    process.stderr.write(usage);
    process.exitCode = EXIT.usage;
    return;
  }
  try {
    await command(named ? args.slice(1) : args);
  } catch (error) {
    process.stderr.write(`${program}: ${explain(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return redactText(String(error));
  // It has masked what is secret itself, and shows what a URL looks like.
  if (error instanceof ConfigError) return error.message;
  if (isPortInUse(error)) {
    return `port ${error.port} is in use; stop what listens there or choose another (PORT, ADMIN_PORT)`;
  }
  return redactText(exitCodeOf(error) === EXIT.crash ? (error.stack ?? error.message) : error.message);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.exitCode;
  if (error instanceof ConfigError) return EXIT.configuration;
  if (error instanceof MigrationError) return EXIT.data;
  return error instanceof Error && "syscall" in error && error.syscall === "listen" ? EXIT.system : EXIT.crash;
}

function isPortInUse(error: Error): error is Error & { readonly port: number } {
  return "code" in error && error.code === "EADDRINUSE" && "port" in error;
}

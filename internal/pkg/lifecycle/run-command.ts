import { ConfigError } from "@grpc-service-template/config";
import { redactText } from "@grpc-service-template/logging";
import { MigrationError } from "@grpc-service-template/prisma-migrations";

/** The exit codes of sysexits.h that the commands use. */
const EXIT = { usage: 64, schema: 65, crash: 70, portInUse: 71, configuration: 78 } as const;

/** Each gets the arguments after its name. */
export type Commands = Readonly<Record<string, (args: readonly string[]) => Promise<void>>>;

/**
 * Runs the command that the arguments name, the first of `commands` when they begin with none: nothing, or a flag. An
 * error becomes lines on standard error and the exit code that tells its kind.
 */
export async function runCommand(program: string, commands: Commands, args = process.argv.slice(2)): Promise<void> {
  const named = args[0] !== undefined && !args[0].startsWith("-");
  const [, command] = Object.entries(commands).find(([name]) => !named || name === args[0]) ?? [];
  if (!command) {
    process.stderr.write(`usage: ${program} [${Object.keys(commands).join(" | ")}] [--option=value ...]\n`);
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
  if (error instanceof ConfigError || error instanceof MigrationError) return error.message;
  if (isPortInUse(error)) {
    return `port ${error.port} is in use; stop what listens there or choose another (PORT, ADMIN_PORT)`;
  }
  return redactText(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return EXIT.configuration;
  if (error instanceof MigrationError) return EXIT.schema;
  return isPortInUse(error) ? EXIT.portInUse : EXIT.crash;
}

function isPortInUse(error: unknown): error is Error & { readonly port: number } {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE" && "port" in error;
}

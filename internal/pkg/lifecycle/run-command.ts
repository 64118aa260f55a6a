import { redactText } from "@grpc-service-template/logging";
import { MigrationError } from "@grpc-service-template/prisma-migrations";
import { ConfigError } from "#internal/pkg/config/load-config.ts";

/** The exit codes of sysexits.h that the commands use. */
const EXIT = { usage: 64, schema: 65, crash: 70, portInUse: 71, configuration: 78 } as const;

export type Commands = Readonly<Record<string, () => Promise<void>>>;

/**
 * Runs the command that the arguments name, the first of `commands` when they name none. An error becomes a line on
 * standard error and the exit code that tells its kind.
 */
export async function runCommand(program: string, commands: Commands, args = process.argv.slice(2)): Promise<void> {
  const [, command] = Object.entries(commands).find(([name]) => args.length === 0 || name === args[0]) ?? [];
  if (!command || args.length > 1) {
    process.stderr.write(`usage: ${program} [${Object.keys(commands).join(" | ")}]\n`);
    process.exitCode = EXIT.usage;
    return;
  }
  try {
    await command();
  } catch (error) {
    process.stderr.write(`${program}: ${redactText(explain(error))}\n`);
    process.exit(exitCodeOf(error));
  }
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof MigrationError) return error.message;
  if (isPortInUse(error)) {
    return `port ${error.port} is in use; stop what listens there or choose another (PORT, ADMIN_PORT)`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return EXIT.configuration;
  if (error instanceof MigrationError) return EXIT.schema;
  return isPortInUse(error) ? EXIT.portInUse : EXIT.crash;
}

function isPortInUse(error: unknown): error is Error & { readonly port: number } {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE" && "port" in error;
}

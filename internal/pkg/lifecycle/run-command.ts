import { MigrationError } from "@grpc-service-template/prisma-migrations";
import { EXIT, ExitError } from "@grpc-service-template/service-lifecycle";
import { ConfigError } from "#internal/pkg/config/load-config.ts";

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
    process.stderr.write(`${program}: ${explain(error)}\n`);
    process.exit(exitCodeOf(error));
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isPortInUse(error)) {
    return `port ${error.port} is in use; stop what listens there or choose another (PORT, ADMIN_PORT)`;
  }
  return exitCodeOf(error) === EXIT.crash ? (error.stack ?? error.message) : error.message;
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

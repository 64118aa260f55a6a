import { EXIT, ExitError } from "./exit.ts";
import { waitFor } from "./wait-for.ts";

export interface StartDatabaseOptions {
  /** Resolves when the database answers; rejects with an error that has a `code`: an SQLSTATE, or Node's for a socket. */
  readonly check: () => Promise<void>;
  /** Brings the schema to what is needed, or insists that it is there. */
  readonly prepare: () => Promise<void>;
  /** A PostgreSQL connection URI. Of it, messages name host, port and database. */
  readonly url: string;
  /** How long to wait for a database that is not up yet, in milliseconds. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told why the database is waited for: at first, when the reason changes, and every 5 s. */
  readonly onWaiting: (facts: WaitingFacts) => void;
}

export interface WaitingFacts {
  /** `host:port/name` */
  readonly database: string;
  readonly reason: string;
  readonly waitedMs: number;
}

/** What waiting does not mend, by SQLSTATE: 28 invalid authorization, 42501 a missing right, 3D000 no such database. */
const FINAL: Readonly<Record<string, { readonly exitCode: number; readonly advice: string }>> = {
  "28000": { exitCode: EXIT.permission, advice: "check the user and the password in DATABASE_URL" },
  "28P01": { exitCode: EXIT.permission, advice: "check the user and the password in DATABASE_URL" },
  "42501": { exitCode: EXIT.permission, advice: "grant the right to the user in DATABASE_URL" },
  "3D000": { exitCode: EXIT.configuration, advice: "create it, or check the name in DATABASE_URL" },
};

/** What waiting may mend: connection failure, no room, starting or stopping; and what is no SQLSTATE but Node's code. */
const TRANSIENT = /^(08|53|57P)|^E|_/;

/**
 * Waits until a PostgreSQL database is up, saying why, and prepares it.
 *
 * @throws ExitError when it cannot be used as it is; what `prepare` throws; the signal's reason
 */
export async function startDatabase({ check, prepare, url, waitMs, signal, onWaiting }: StartDatabaseOptions) {
  const database = nameOf(url);
  try {
    await waitFor(check, {
      timeoutMs: waitMs,
      signal,
      isTransient: (error) => TRANSIENT.test(codeOf(error)),
      onWaiting: (error, waitedMs) => onWaiting({ database, reason: text(error), waitedMs }),
    });
    await prepare();
  } catch (error) {
    const code = codeOf(error);
    const final = FINAL[code];
    if (final) throw new ExitError(`database ${database}: ${text(error)}; ${final.advice}`, final.exitCode, error);
    if (signal?.aborted || !TRANSIENT.test(code)) throw error;
    const message = `database ${database} not reached (databaseWaitMs: ${waitMs}): ${text(error)}`;
    throw new ExitError(message, EXIT.unavailable, error);
  }
}

/** Host, port and name. Nothing where a password that is not percent-encoded may have been taken for a part of them. */
function nameOf(url: string): string {
  const { username, host, pathname } = new URL(url);
  const ats = url.split("@").length - 1;
  return ats === 0 || (ats === 1 && username !== "" && host !== "") ? `${host}${pathname}` : "***";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Of a name with several addresses, each one's trouble. */
function text(error: unknown): string {
  const errors = error instanceof AggregateError ? error.errors : [error];
  return errors.map((each) => (each instanceof Error ? each.message : String(each))).join("; ");
}

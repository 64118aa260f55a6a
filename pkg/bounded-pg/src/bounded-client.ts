import pg from "pg";
import type { CallScope } from "./call-scope.ts";
import { type Cancellable, requestCancel } from "./cancel-request.ts";
import { CallEndedError, ConnectionError, databaseErrorKind } from "./database-error.ts";

/** What the connections of a pool share. */
export interface Bounds {
  /** How long the server may be silent about a statement before its connection counts as dead, in milliseconds. */
  readonly maxSilenceMs: number;
  /** How long undoing a call's work may take before its connection is closed instead, in milliseconds. */
  readonly cancelTimeoutMs: number;
  /** Connections not heard since then, in milliseconds of `performance.now()`, are not to be trusted. */
  distrustBeforeMs: number;
}

type Run = (...args: unknown[]) => unknown;

/** pg's Client as it is, beyond its types. */
type Internals = Cancellable & { readonly connection: { readonly stream: { destroy(): void } } };

/** These end a transaction: one that has begun to end is not cancelled. */
const ENDS: ReadonlySet<unknown> = new Set(["COMMIT", "ROLLBACK"]);

/** What ROLLBACK answers where nothing is left to undo. */
const NOTHING = { command: "ROLLBACK", rowCount: null, oid: null, rows: [], fields: [] };

/** A connection that is lent to one call at a time, and does not outlive a failure in doubt. */
export class BoundedClient extends pg.Client {
  /** When the server was last heard, in milliseconds of `performance.now()`. */
  lastHeardMs = 0;
  readonly #bounds: Bounds;
  #running = 0;
  #text: unknown;
  #last: Promise<unknown> = Promise.resolve();
  #scope: CallScope | undefined;
  #undone: Promise<void> | undefined;
  #unfit = false;

  constructor(config: pg.ClientConfig & { readonly bounds: Bounds }) {
    super(config);
    this.#bounds = config.bounds;
    // Whoever waits for a statement is told by its promise; without a listener the process would end.
    this.on("error", () => {});
    this.once("connect", () => this.#heard());
  }

  /** From now on its statements are for `scope`; what is under way when that ends is undone at the server. */
  lend(scope: CallScope | undefined): void {
    this.#scope = scope;
    scope?.onEnd(this.#giveUp);
  }

  /** The loan is over. Whether the connection may be lent again, once that is known. */
  takeBack(): boolean | Promise<boolean> {
    this.#scope?.offEnd(this.#giveUp);
    this.#scope = undefined;
    if (!this.#undone) return this.#isFit();
    return this.#undone.then(() => {
      this.#undone = undefined;
      return this.#isFit();
    });
  }

  /** Whether the server answers within `timeoutMs`. If not, the connection is closed. */
  async answers(timeoutMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.#distrust(), timeoutMs);
    try {
      await this.#submit("SELECT 1");
      this.#heard();
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the socket without a word. */
  destroy(): void {
    this.#unfit = true;
    (this as unknown as Internals).connection.stream.destroy();
  }

  /** As pg's; the socket of a server that does not take its leave is closed after `cancelTimeoutMs`. */
  override end(...args: unknown[]): never {
    setTimeout(() => this.destroy(), this.#bounds.cancelTimeoutMs).unref();
    return (super.end as Run).apply(this, args) as never;
  }

  /**
   * As pg's, with a promise, within the bounds. Statements with a callback, and those that submit themselves (cursors,
   * streams), run as they are.
   */
  override query(...args: unknown[]): never {
    const [config] = args;
    const isPromised = !args.some((arg) => typeof arg === "function") && !hasSubmit(config);
    return (isPromised ? this.#query(args) : this.#submit(...args)) as never;
  }

  async #query(args: unknown[]): Promise<unknown> {
    const text = typeof args[0] === "string" ? args[0] : (args[0] as pg.QueryConfig).text;
    if (this.#undone) {
      if (text !== "ROLLBACK") throw new CallEndedError();
      await this.#undone;
      return NOTHING;
    }
    const watch = setTimeout(() => this.#distrust(), this.#bounds.maxSilenceMs);
    this.#text = text;
    this.#running += 1;
    const statement = this.#submit(...args) as Promise<unknown>;
    this.#last = statement;
    try {
      const result = await statement;
      this.#heard();
      return result;
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#running -= 1;
      clearTimeout(watch);
    }
  }

  #submit(...args: unknown[]): unknown {
    return (super.query as Run).apply(this, args);
  }

  #heard(): void {
    this.lastHeardMs = performance.now();
  }

  /** The server is silent: the other connections to it may be as dead as this one. */
  #distrust(): void {
    this.#bounds.distrustBeforeMs = performance.now();
    this.destroy();
  }

  #explain(error: unknown): unknown {
    const known = withCode(error, "08006");
    const kind = databaseErrorKind(known);
    if (kind === "connection_lost" || kind === "unreachable") this.#unfit = true;
    else this.#heard();
    if (kind === "read_only") {
      // The primary is elsewhere now: new connections find it, the old ones never will.
      this.#unfit = true;
      this.#bounds.distrustBeforeMs = performance.now();
    }
    return this.#undone ? new CallEndedError(known) : known;
  }

  readonly #giveUp = (): void => {
    this.#undone ??= this.#undo();
  };

  /** Ends what the call left: its statement by a request to cancel, its transaction by ROLLBACK. Never rejects. */
  async #undo(): Promise<void> {
    const wasRunning = this.#running > 0;
    if (!wasRunning && this.getTransactionStatus() === "I") return;
    const timer = setTimeout(() => this.#distrust(), this.#bounds.cancelTimeoutMs);
    try {
      if (wasRunning) {
        if (!ENDS.has(this.#text)) {
          await requestCancel(this as unknown as Cancellable, this.#bounds.cancelTimeoutMs);
        }
        await this.#last.catch(() => {});
      }
      // A request that comes late meets this one, and not the next call's statement.
      await this.#submit(this.getTransactionStatus() === "I" ? "SELECT 1" : "ROLLBACK");
    } catch {
      this.destroy();
    } finally {
      clearTimeout(timer);
    }
  }

  #isFit(): boolean {
    return !this.#unfit && this.#running === 0 && this.getTransactionStatus() === "I";
  }
}

/** That a connection broke, or could not be made, pg says in words alone; the server and the system have codes. */
export function withCode(error: unknown, code: "08001" | "08006"): unknown {
  const isPlain = error instanceof Error && Object.getPrototypeOf(error) === Error.prototype && !("code" in error);
  return isPlain ? new ConnectionError(code, error.message, error) : error;
}

function hasSubmit(config: unknown): boolean {
  return typeof config === "object" && config !== null && "submit" in config;
}

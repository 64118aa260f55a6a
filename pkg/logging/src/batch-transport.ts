import { writeSync } from "node:fs";
import Transport from "winston-transport";
import { flushAtExit, forgetAtExit, isExiting, listenForExit, sleepSync } from "./exit.ts";
import { LEVEL, MESSAGE } from "./line-format.ts";

export interface BatchTransportOptions {
  /** The file descriptor to write to: a file, a pipe or a terminal. The default is 1, standard output. */
  readonly fd?: number;
  /**
   * How long a line may wait for others, in milliseconds. The default is 0: until the event loop's current turn is over,
   * so that a process which is killed loses next to nothing.
   */
  readonly maxDelayMs?: number;
  /** A batch of this length is written at once, in UTF-16 units. The default is 16384. */
  readonly maxBatchLength?: number;
  /** Lines of this level are written at once, with all before them. The default is error. */
  readonly urgentLevel?: string;
  /** How much may wait for a slow reader of a non-blocking pipe, in bytes. The default is 4 MiB. */
  readonly maxPendingBytes?: number;
  /**
   * What happens when that much waits. `block`, the default: the process stands still until the reader goes on, as with
   * a blocking pipe. `drop`: whole lines that wait are lost, and counted.
   */
  readonly whenFull?: "block" | "drop";
  /** The longest that the end of the process waits for a slow reader, in milliseconds. The default is 5000. */
  readonly exitTimeoutMs?: number;
  /** Hears, once writing works again, how many lines were lost and by which error's code, FULL for `drop`. */
  readonly onLost?: (lines: number, code: string) => void;
}

const RETRY_MS = 5;
const NEW_LINE = 10;

/**
 * A transport of winston's that writes lines in batches to a file descriptor, whole and in order. What it holds is
 * written when the process ends by itself, by process.exit or by an uncaught exception. A reader that went away (EPIPE)
 * or a full disk costs the lines of that time; it never ends the process.
 */
export class BatchTransport extends Transport {
  readonly #options: Required<BatchTransportOptions>;
  /** Whole lines that nothing has been written of. */
  #batch = "";
  /** What is being written: the rest of a batch. */
  #rest: Buffer = Buffer.alloc(0);
  /** Set while the reader is slow: until then nothing but the timer, or an end, tries again. */
  #retry: NodeJS.Timeout | undefined;
  #isScheduled = false;
  /** A line was written in part and lost its rest: the next one must not continue it. */
  #isTorn = false;
  #lost = 0;
  #lostBy = "";
  #onWritten: (() => void)[] = [];

  constructor(options: BatchTransportOptions = {}) {
    super();
    listenForExit();
    this.#options = {
      fd: 1,
      maxDelayMs: 0,
      maxBatchLength: 16_384,
      urgentLevel: "error",
      maxPendingBytes: 4 * 1024 * 1024,
      whenFull: "block",
      exitTimeoutMs: 5_000,
      onLost: () => {},
      ...options,
    };
  }

  override log(info: Record<symbol, unknown>, next: () => void): void {
    this.writeLine(String(info[LEVEL]), String(info[MESSAGE]));
    next();
  }

  /** Writes a line of a level, without its end, as soon as it is due. */
  writeLine(level: string, line: string): void {
    const { maxBatchLength, urgentLevel, maxPendingBytes } = this.#options;
    if (this.#batch === "") flushAtExit(this);
    this.#batch += `${line}\n`;
    if (this.#retry) {
      if (this.#rest.length + this.#batch.length > maxPendingBytes) this.#makeRoom();
    } else if (this.#batch.length >= maxBatchLength || level === urgentLevel || isExiting()) {
      this.#write();
    } else {
      this.#schedule();
    }
    if (isExiting()) this.flushSync();
  }

  /** Resolves when everything logged so far is written, or lost to a reader that is gone. */
  async flush(): Promise<void> {
    if (!this.#retry) this.#write();
    if (this.#isEmpty()) return;
    await new Promise<void>((resolve) => {
      this.#onWritten.push(resolve);
    });
  }

  /** Writes everything before it returns, waiting for a slow reader for at most `exitTimeoutMs`. */
  flushSync(): void {
    const end = performance.now() + this.#options.exitTimeoutMs;
    this.#write();
    while (!this.#isEmpty() && performance.now() < end) {
      sleepSync(1);
      this.#write();
    }
  }

  /** Called by winston when the transport is removed from its logger. */
  override close(): void {
    this.#write();
  }

  override _final(done: () => void): void {
    this.flush().then(done);
  }

  #isEmpty(): boolean {
    return this.#batch === "" && this.#rest.length === 0;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const write = () => {
      this.#isScheduled = false;
      if (!this.#retry) this.#write();
    };
    if (this.#options.maxDelayMs === 0) setImmediate(write);
    else setTimeout(write, this.#options.maxDelayMs);
  }

  /** Writes until there is nothing left, or the reader takes no more. Never throws. */
  #write(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const { fd } = this.#options;
    try {
      while (!this.#isEmpty()) {
        if (this.#rest.length === 0) this.#next();
        const written = writeSync(fd, this.#rest);
        this.#isTorn = written > 0 && this.#rest[written - 1] !== NEW_LINE;
        this.#rest = this.#rest.subarray(written);
      }
    } catch (error) {
      const { code = "UNKNOWN" } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") {
        this.#retry = setTimeout(() => this.#write(), RETRY_MS).unref();
        return;
      }
      this.#lose(this.#rest.toString("latin1") + this.#batch, code);
      this.#rest = Buffer.alloc(0);
      this.#batch = "";
      this.#settle();
      return;
    }
    this.#settle();
    this.#report();
  }

  /** Everything that waits becomes what is being written. */
  #next(): void {
    this.#rest = Buffer.from(this.#isTorn ? `\n${this.#batch}` : this.#batch);
    this.#batch = "";
  }

  #settle(): void {
    forgetAtExit(this);
    for (const resolve of this.#onWritten.splice(0)) resolve();
  }

  #makeRoom(): void {
    const { maxPendingBytes, whenFull } = this.#options;
    this.#write();
    while (this.#rest.length + this.#batch.length > maxPendingBytes) {
      if (whenFull === "drop") {
        this.#lose(this.#batch, "FULL");
        this.#batch = "";
        return;
      }
      sleepSync(1);
      this.#write();
    }
  }

  #lose(text: string, code: string): void {
    // A line end at the very start ends what was written before.
    for (let end = text.indexOf("\n", 1); end !== -1; end = text.indexOf("\n", end + 1)) this.#lost += 1;
    this.#lostBy = code;
  }

  #report(): void {
    if (this.#lost === 0) return;
    const [lines, code] = [this.#lost, this.#lostBy];
    this.#lost = 0;
    this.#options.onLost(lines, code);
  }
}

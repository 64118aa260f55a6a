import { AsyncLocalStorage } from "node:async_hooks";
import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { InterceptedCall } from "../../method/intercepted-call.ts";

type Init = MessageInitShape<DescMessage>;
type Step = IteratorResult<Message, undefined>;

/** What a handler yields, as messages; throws what ends the call from outside as soon as it does, and lets go of the handler. */
export class HandlerOutput implements AsyncIterableIterator<Message, undefined> {
  readonly #desc: DescMessage;
  readonly #source: AsyncIterable<Init>;
  #iterator: AsyncIterator<Init> | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #endedBy: unknown;
  /** Where interceptors have called the handler, so that it cleans up there too. */
  readonly #inContext = AsyncLocalStorage.snapshot();

  constructor(desc: DescMessage, source: AsyncIterable<Init>, call: InterceptedCall) {
    this.#desc = desc;
    this.#source = source;
    call.whenAbandoned((error) => this.#abandon(error));
  }

  [Symbol.asyncIterator](): this {
    this.#iterator ??= this.#source[Symbol.asyncIterator]();
    return this;
  }

  next(): Promise<Step> {
    return this.#take((iterator) => iterator.next());
  }

  return(): Promise<Step> {
    return this.#take((iterator) => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined }));
  }

  throw(error: unknown): Promise<Step> {
    return this.#take((iterator) => iterator.throw?.(error) ?? Promise.reject(error));
  }

  #take(ask: (iterator: AsyncIterator<Init>) => Promise<IteratorResult<Init>>): Promise<Step> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== undefined) return reject(this.#endedBy);
      this.#reject = reject;
      ask(this[Symbol.asyncIterator]().#iterator as AsyncIterator<Init>).then((step) => {
        if (step.done) return resolve({ done: true, value: undefined });
        try {
          resolve({ done: false, value: create(this.#desc, step.value) });
        } catch (error) {
          reject(error);
        }
      }, reject);
    });
  }

  #abandon(error: unknown): void {
    this.#endedBy = error;
    this.#reject?.(error);
    // Not awaited: a handler that is busy takes the return only when it gets to it.
    this.#inContext(() => void dismiss(this.#iterator));
  }
}

/** Has an iterator clean up. What it throws meanwhile, at once or later, is nobody's any more. */
export async function dismiss(iterator: AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // It is over all the same.
  }
}

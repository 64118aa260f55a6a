/** How many bytes may be held at once; of a connection, whose bytes count for the process too. */
export class ByteBudget {
  readonly #maxBytes: number;
  readonly #parent: ByteBudget | undefined;
  #heldBytes = 0;

  constructor(maxBytes: number, parent?: ByteBudget) {
    this.#maxBytes = maxBytes;
    this.#parent = parent;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Holds nothing, and returns false, when that would be too much. */
  tryHold(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#maxBytes) return false;
    if (this.#parent?.tryHold(bytes) === false) return false;
    this.#heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#parent?.release(bytes);
  }
}

/** What keeps one line from taking all memory. What is beyond a limit is left out, and the line says so. */
export interface Limits {
  /** The longest text in a field, in UTF-16 units. */
  readonly maxStringLength: number;
  /** How many objects may stand within each other below a field. */
  readonly maxDepth: number;
  /** The most items of a list and the most keys of an object. */
  readonly maxItems: number;
  /** The length beyond which a line gets no further field and no further value, in UTF-16 units. */
  readonly maxLineLength: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxStringLength: 16_384,
  maxDepth: 6,
  maxItems: 100,
  maxLineLength: 65_536,
};

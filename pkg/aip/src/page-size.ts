/** How many results a page may hold. */
export interface PageSizeLimits {
  /** Results per page when the client names no size. Default 50. */
  readonly defaultSize?: number;
  /** The most results per page, whatever the client asks for; it also caps `defaultSize`. Default 1000. */
  readonly maxSize?: number;
}

/** The client asked for a page size that is not a whole number ≥ 0. Maps to INVALID_ARGUMENT (AIP-158). */
export class PageSizeError extends Error {
  override readonly name = "PageSizeError";
  /** What the client asked for. */
  readonly requested: number;

  constructor(requested: number) {
    super(
      `page_size is ${requested}; it must be a whole number of at least 0, where 0 leaves the choice to the server`,
    );
    this.requested = requested;
  }
}

/**
 * The number of results a page may hold, after AIP-158: 0 means the default, and a size above the maximum is coerced
 * down to it rather than refused.
 *
 * @param requested the request's `page_size`
 * @throws {PageSizeError} when `requested` is negative or not an integer
 */
export function resolvePageSize(requested: number, limits: PageSizeLimits = {}): number {
  if (!Number.isInteger(requested) || requested < 0) {
    throw new PageSizeError(requested);
  }
  const { defaultSize = 50, maxSize = 1000 } = limits;
  return Math.min(requested === 0 ? defaultSize : requested, maxSize);
}

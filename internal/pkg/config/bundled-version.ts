/** Put in its place by build/package/bundle.ts. */
declare const BUNDLED_VERSION: string | undefined;

/** The release that this bundle was built as; `0.0.0-dev` where the sources run. */
export const bundledVersion = typeof BUNDLED_VERSION === "undefined" ? "0.0.0-dev" : BUNDLED_VERSION;

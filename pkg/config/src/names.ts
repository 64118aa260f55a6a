import type { Options } from "./options.ts";

/** How the options of a service are called outside. */
export interface Names {
  /** The variable of an option: `USER_SERVICE_DRAIN_DELAY_MS`, or `PORT` for one with a plain name. */
  variable(key: string): string;
  /** The flag of an option: `--drain-delay-ms`. */
  flag(key: string): string;
  /** What the service's own variables begin with: `USER_SERVICE_`. */
  readonly prefix: string;
}

/** @throws TypeError when a key is not camelCase: it could not be told back from its variable */
export function createNames(service: string, options: Options, plainVariables: readonly string[]): Names {
  for (const key of Object.keys(options)) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(key)) throw new TypeError(`the option ${key} is not in camelCase`);
  }
  const prefix = `${upperSnake(service)}_`;
  return {
    prefix,
    variable: (key) => (plainVariables.includes(key) ? upperSnake(key) : prefix + upperSnake(key)),
    flag: (key) => `--${upperSnake(key).toLowerCase().replaceAll("_", "-")}`,
  };
}

/** `drainDelayMs` and `drain-delay-ms` → `DRAIN_DELAY_MS`. */
export function upperSnake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toUpperCase();
}

/** The candidate that `name` is most likely a slip of, whatever its case and separators; undefined when none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = bare(name);
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, bare(candidate));
    if (distance < (best?.distance ?? Math.floor(wanted.length / 3) + 1)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** `; did you mean port?`, or nothing. */
export function didYouMean(candidate: string | undefined): string {
  return candidate === undefined ? "" : `; did you mean ${candidate}?`;
}

function bare(name: string): string {
  return name
    .replace(/[^A-Za-z0-9]/g, "")
    .toLowerCase()
    .slice(0, 64);
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + same);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], column: number) => row[column] ?? 0;

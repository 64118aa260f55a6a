/** How text becomes a value. */
export type Kind = keyof typeof CONVERSIONS;

/** Node's timers fire at once beyond this (24.8 days). */
export const LONGEST_MS = 2 ** 31 - 1;

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** What does not have the form stays text, for the option's check to refuse. */
export const CONVERSIONS = {
  integer: (value: string) => (/^\d{1,15}$/.test(value) ? Number(value) : value),
  fraction: (value: string) => (/^[01](\.\d{1,9})?$/.test(value) ? Number(value) : value),
  duration: (value: string) => quantity(value, MS),
  size: (value: string) => quantity(value, BYTES),
  flag: (value: string) => (value === "true" ? true : value === "false" ? false : value),
  list: (value: string) => value.split(",").flatMap((item) => item.trim() || []),
  text: (value: string) => value,
} as const;

function quantity(value: string, units: Readonly<Record<string, number>>): number | string {
  const [, number = "", unit = ""] = /^(\d{1,15}(?:\.\d{1,3})?)([A-Za-z]*)$/.exec(value) ?? [];
  if (unit === "") return CONVERSIONS.integer(value);
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  // Rounded where binary fractions are inexact: 1.001 s are 1001 ms, not 1000.9999999999999.
  return factor === undefined ? value : Math.round(Number(number) * factor * 1_000) / 1_000;
}

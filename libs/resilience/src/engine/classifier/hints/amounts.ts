const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Nobody means to be left alone for longer: such a number is a moment, or a fault. */
const LONGEST_MS = 366 * 86_400_000;

/** A decimal without sign, exponent or other fancies; RFC 9110 allows whole seconds only, servers send fractions too. */
export function decimal(text: unknown): number | undefined {
  if (typeof text === 'number') return Number.isFinite(text) && text >= 0 ? text : undefined;
  return typeof text === 'string' && /^[ \t]*\d+(?:\.\d+)?[ \t]*$/.test(text) ? Number(text) : undefined;
}

/** A wait that can be meant. */
export function sane(ms: number | undefined): number | undefined {
  return ms === undefined || ms < 0 || ms > LONGEST_MS ? undefined : ms;
}

/** `6m0s`, `120ms`, `34.07s`: durations as Go and protobuf write them. */
export function duration(text: string): number | undefined {
  if (!/^\s*(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\s*$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    ms += Number(amount) * (UNIT_MS[unit] ?? 0);
  return ms;
}

/** The longest of several, undefined when there is none. */
export function longest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

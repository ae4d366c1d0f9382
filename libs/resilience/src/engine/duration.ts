import ms from 'ms';

/**
 * A number of milliseconds, or a string with a unit that the `ms` package understands: `'250ms'`, `'30s'`, `'5m'`, `'1.5h'`.
 */
export type Duration = number | string;

/** Milliseconds of a duration; `undefined` when it is not one. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  if (typeof value !== 'string' || value.length === 0 || value.length > 100) return undefined;
  const parsed = ms(value as ms.StringValue) as number | undefined;
  return parsed === undefined || Number.isNaN(parsed) ? undefined : parsed;
}

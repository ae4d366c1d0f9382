/** Epoch milliseconds as `2026-03-01T12:00:00Z`: sorts, and can be given to --from and --to. */
export function dateTime(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString().replace(/\.\d+Z$/, 'Z');
}

import type { DeadLetterStatus } from '@nest-resilience/core';
import type { Screen } from './screen.js';

const GAP = '  ';

/** Cells padded to columns as wide as their widest one. Padded here and painted later: colours have no width. */
export function table(rows: readonly (readonly string[])[]): string[][] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
}

/**
 * As {@link table}, in lines of at most `width`. Its last column, of free text, is cut; first, the columns `dispensable` are
 * left out one by one while the last one has less than 20.
 */
function tableWithin(rows: readonly (readonly string[])[], width: number, dispensable: readonly string[]): string[][] {
  const whole = table(rows);
  const left = width - (whole[0]?.slice(0, -1).reduce((sum, cell) => sum + cell.length + GAP.length, 0) ?? 0);
  const [next, ...others] = dispensable;
  if (left < 20 && next !== undefined) {
    const column = rows[0]?.indexOf(next);
    return tableWithin(rows.map((row) => row.filter((_, index) => index !== column)), width, others); // prettier-ignore
  }
  return whole.map((cells) => [...cells.slice(0, -1), cut(cells.at(-1)?.trimEnd() ?? '', Math.max(2, left))]);
}

export function joined(cells: readonly string[]): string {
  return cells.join(GAP).trimEnd();
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** The first row as header; the second column holds statuses. Left out and cut as {@link tableWithin} says. */
export function printTable(
  screen: Screen,
  rows: readonly (readonly string[])[],
  width = Infinity,
  dispensable: readonly string[] = [],
): void {
  const [header = [], ...lines] = tableWithin(rows, width, dispensable);
  screen.line(screen.paint('bold', joined(header)));
  for (const cells of lines) {
    screen.line(joined(cells.map((cell, column) => (column === 1 ? paintStatus(screen, cell) : cell))));
  }
}

const COLOURS = {
  pending: 'yellow',
  redriving: 'cyan',
  resolved: 'green',
  poisoned: 'red',
  discarded: 'gray',
} as const satisfies Record<DeadLetterStatus, string>;

/** @param text may be padded */
export function paintStatus(screen: Screen, text: string): string {
  const status = text.trim();
  return Object.hasOwn(COLOURS, status) ? screen.paint(COLOURS[status as DeadLetterStatus], text) : text;
}

/** Epoch milliseconds as `2026-03-01T12:00:00Z`: sorts, and can be given to --from and --to. */
export function dateTime(epochMs: number): string {
  const date = new Date(epochMs);
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString().replace(/\.\d+Z$/, 'Z');
}

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
export function tableWithin(
  rows: readonly (readonly string[])[],
  width: number,
  dispensable: readonly string[],
): string[][] {
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

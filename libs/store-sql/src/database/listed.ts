/**
 * For a statement that is prepared: each once, sorted, so that transactions take rows in one order, and the last one again until there are
 * as many as a power of two. Lists of every length would be as many statements.
 */
export function listed(ids: readonly string[]): string[] {
  const list = [...new Set(ids)].sort();
  const last = list.at(-1);
  while (last !== undefined && (list.length & (list.length - 1)) !== 0) list.push(last);
  return list;
}

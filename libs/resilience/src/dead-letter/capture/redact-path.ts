/** `*` stands for one key or index, `**` for any number of them (also none). */
export type RedactPath = readonly string[];

/**
 * `'args[0].card.number'`, `'[0].card.number'` and `'0.card.number'` are the same path: the first segment is the
 * argument's index. Returns `undefined` for text that is no path.
 */
export function parseRedactPath(text: string): RedactPath | undefined {
  const body = text.startsWith('args[') || text.startsWith('args.') ? text.slice(4) : text;
  const dotted = body.replace(/\[([^[\].]+)\]/g, '.$1').replace(/^\./, '');
  const segments = dotted.split('.');
  const usable = segments.every((segment) => segment.length > 0 && !/[[\]\s]/.test(segment));
  return usable ? segments : undefined;
}

/** Whether the pattern covers exactly this place. */
export function matchesRedactPath(pattern: RedactPath, place: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return place.length === 0;
  if (head === '**') {
    return matchesRedactPath(rest, place) || (place.length > 0 && matchesRedactPath(pattern, place.slice(1)));
  }
  return place.length > 0 && (head === '*' || head === place[0]) && matchesRedactPath(rest, place.slice(1));
}

/** ` (did you mean 'x'?)` after a name that is wrong; nothing where no candidate is near. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : ` (did you mean '${near}'?)`;
}

/** What options were called once, and are called now. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['queueTimeout', 'maxWait'],
  ['every', 'interval'],
  ['firstDelay', 'baseDelay'],
  ['factor', 'multiplier'],
  ['delay', 'baseDelay'],
]);

/** What the name was changed to; else the candidate with the smallest edit distance, if it is near enough to be a typo. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const now = RENAMED.get(name);
  if (now !== undefined && candidates.includes(now)) return now;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    // No two are nearer than their lengths; the look at every letter is for those that may be.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

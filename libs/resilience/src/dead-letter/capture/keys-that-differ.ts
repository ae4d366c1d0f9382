/** Each is another key than the rest, in every store: in blanks, case, accents, and in what not every database keeps. */
export const KEYS_THAT_DIFFER: readonly string[] = [
  ...['k', 'k ', ' k', 'K', 'e\u0301', '\u00e9'],
  ...['k\0', 'k\ud800', 'k\ud801', 'k\udc00', 'k\ufffd', 'k\ufffdd800'],
  ...['x'.repeat(600), `${'x'.repeat(600)}y`],
];

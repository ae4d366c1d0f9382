/** Whether JavaScript keeps a number of JSON as it was written: its digits, its size, and integers of which it knows the neighbours. */
export function isKept(literal: string): boolean {
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  if (/^-?\d+$/.test(literal) && !Number.isSafeInteger(value)) return false;
  return digitsOf(literal) === digitsOf(String(value));
}

/** Without what only says how large it is. */
function digitsOf(literal: string): string {
  const [mantissa = ''] = literal.split(/e/i);
  return mantissa.replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '');
}

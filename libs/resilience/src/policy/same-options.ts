/** Functions are compared by their text: the same decorator written on two methods makes two closures. */
function sameOptions<T extends object>(a: T, b: T): boolean {
  const text = (options: T): string =>
    JSON.stringify({ ...options, name: '' }, (_key, value: unknown) =>
      typeof value === 'function' ? String(value) : value,
    );
  return a === b || text(a) === text(b);
}

/** Options of something that several declarations share by name. */
interface Declarations<O> {
  /** In effect. */
  readonly known: O;
  readonly declared: O;
  /** What the declaring method had until now, when a running application is reconfigured. */
  readonly before: O | undefined;
}

/**
 * The first declaration wins, and one that differs is a warning. Only a method whose own options changed while the application
 * runs may change what it shares with others.
 * @param what for the warning, e.g. `Circuit 'orders'`
 * @returns whether the declared options are to take effect
 */
export function takesEffect<O extends object>(
  what: string,
  { known, declared, before }: Declarations<O>,
  warn: ((message: string) => void) | undefined,
): boolean {
  if (sameOptions(known, declared)) return false;
  if (before !== undefined) return !sameOptions(before, declared);
  warn?.(`${what} is declared twice with different options; the first declaration wins`);
  return false;
}

/** Functions are compared by their text: the same decorator written on two methods makes two closures. */
function sameOptions<T extends object>(a: T, b: T): boolean {
  const text = (options: T): string =>
    JSON.stringify({ ...options, name: '' }, (_key, value: unknown) =>
      typeof value === 'function' ? String(value) : value,
    );
  return a === b || text(a) === text(b);
}

/** Options of something that several declarations share by name. */
export interface Declaration<O> {
  /** For the warning, e.g. `Circuit 'orders'`. */
  readonly what: string;
  readonly declared: O;
  /** What the declaring method had until now, when a running application is reconfigured. */
  readonly before: O | undefined;
  readonly warn: ((message: string) => void) | undefined;
}

/**
 * The first declaration wins, and one that differs is a warning. Only a method whose own options changed while the application
 * runs may change what it shares with others.
 * @param known options in effect
 * @returns whether the declared options are to take effect
 */
export function takesEffect<O extends object>(known: O, { what, declared, before, warn }: Declaration<O>): boolean {
  if (sameOptions(known, declared)) return false;
  if (before !== undefined) return !sameOptions(before, declared);
  warn?.(`${what} is declared twice with different options; the first declaration wins`);
  return false;
}

/** What several declarations share by name. */
export interface SharedState<O> {
  readonly options: O;
  reconfigure(options: O): void;
}

/** The one of that name, made by its first declaration and changed as {@link takesEffect} says. */
export function sharedState<O extends object, T extends SharedState<O>>(
  known: Map<string, T>,
  name: string,
  make: () => T,
  declaration: Declaration<O>,
): T {
  const one = ofName(known, name, make);
  if (takesEffect(one.options, declaration)) one.reconfigure(declaration.declared);
  return one;
}

/** The one of that name, made when it is first asked for. */
export function ofName<T>(known: Map<string, T>, name: string, make: (name: string) => T): T {
  let one = known.get(name);
  if (one === undefined) known.set(name, (one = make(name)));
  return one;
}

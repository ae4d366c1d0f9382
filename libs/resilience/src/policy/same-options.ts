/** Functions are compared by their text: the same decorator written on two methods makes two closures. */
export function sameOptions<T extends object>(a: T, b: T): boolean {
  const text = (options: T): string =>
    JSON.stringify({ ...options, name: '' }, (_key, value: unknown) =>
      typeof value === 'function' ? String(value) : value,
    );
  return a === b || text(a) === text(b);
}

const FALLBACK_ERRORS = Symbol.for('nest-resilience:fallback-errors');

/**
 * What the fallbacks threw when all of them failed, apart from the original error thrown on: the caller gets that one, and these
 * with it. An original error without a `cause` also gets them as its cause, an AggregateError, so that loggers print them.
 */
export function fallbackErrorsOf(error: unknown): readonly unknown[] {
  if (typeof error !== 'object' || error === null) return [];
  try {
    return ((error as Record<symbol, unknown>)[FALLBACK_ERRORS] as readonly unknown[] | undefined) ?? [];
  } catch {
    return [];
  }
}

/** Leaves an original alone that does not let itself be looked at. */
export function attachFallbackErrors(original: unknown, thrown: readonly unknown[]): void {
  try {
    attach(original, thrown);
  } catch {
    // A Proxy whose traps throw: the caller still gets it.
  }
}

function attach(original: unknown, thrown: readonly unknown[]): void {
  if (typeof original !== 'object' || original === null || !Object.isExtensible(original)) return;
  const others = thrown.filter((error) => error !== original);
  Reflect.defineProperty(original, FALLBACK_ERRORS, { value: others, configurable: true, enumerable: false });
  if (!(original instanceof Error) || original.cause !== undefined) return;
  // What leads back to the original, or is known from it, would be printed in circles.
  const known = linkedTo(original);
  const news = [...new Set(others)].filter((error) => !known.has(error) && !linkedTo(error).has(original));
  if (news.length === 0) return;
  const who = thrown.length === 1 ? 'The fallback' : `All ${thrown.length} fallbacks`;
  const cause = new AggregateError(news, `${who} failed too`);
  Reflect.defineProperty(original, 'cause', { value: cause, configurable: true, writable: true, enumerable: false });
}

/** An error and everything behind it: causes, and the parts of an AggregateError. */
function linkedTo(error: unknown): ReadonlySet<unknown> {
  const seen = new Set<unknown>([error]);
  for (const one of seen) {
    if (typeof one !== 'object' || one === null) continue;
    const { cause, errors } = one as { cause?: unknown; errors?: unknown };
    if (cause !== undefined) seen.add(cause);
    if (Array.isArray(errors)) for (const part of errors as unknown[]) seen.add(part);
  }
  return seen;
}

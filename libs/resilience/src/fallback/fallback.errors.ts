const FALLBACK_ERRORS = Symbol.for('nest-resilience.fallback-errors');

/**
 * What the fallbacks threw when all of them failed: the caller gets the original error, and these with it.
 * An original error without a `cause` also gets them as its cause, an AggregateError, so that loggers print them.
 */
export function fallbackErrorsOf(error: unknown): readonly unknown[] {
  if (typeof error !== 'object' || error === null) return [];
  return ((error as Record<symbol, unknown>)[FALLBACK_ERRORS] as readonly unknown[] | undefined) ?? [];
}

export function attachFallbackErrors(original: unknown, errors: readonly unknown[]): void {
  if (typeof original !== 'object' || original === null || !Object.isExtensible(original)) return;
  Object.defineProperty(original, FALLBACK_ERRORS, { value: errors, configurable: true, enumerable: false });
  if (!(original instanceof Error) || original.cause !== undefined) return;
  const cause = new AggregateError(
    errors,
    `${errors.length === 1 ? 'The fallback' : `All ${errors.length} fallbacks`} failed too`,
  );
  Object.defineProperty(original, 'cause', { value: cause, configurable: true, writable: true, enumerable: false });
}

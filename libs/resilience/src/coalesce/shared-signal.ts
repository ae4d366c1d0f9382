/**
 * Arguments in which the caller's signal, an `AbortSignal` or `{ signal }` as the last one, gave way to that of all callers
 * together: what one of them gives up must not end the others' call.
 */
export function withSharedSignal(args: readonly unknown[], shared: () => AbortSignal): readonly unknown[] {
  let replaced: unknown[] | undefined;
  for (const [index, arg] of args.entries()) {
    if (arg instanceof AbortSignal) (replaced ??= [...args])[index] = shared();
    else if (index === args.length - 1 && hasSignal(arg))
      (replaced ??= [...args])[index] = { ...arg, signal: shared() };
  }
  return replaced ?? args;
}

/** Only of plain options: a copy of an instance (a `Request`) would be something else. */
function hasSignal(value: unknown): value is { readonly signal: AbortSignal } {
  if (typeof value !== 'object' || value === null || !('signal' in value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && value.signal instanceof AbortSignal;
}

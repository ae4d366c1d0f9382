/** Looks at what somebody threw. It may be a Proxy whose traps throw, which must not take the place of what was thrown. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** A cause may lead back to where it came from. */
const MAX_CAUSES = 10;

/** Whether it, or an error that it wraps, has this `code`. */
export function hasCode(thrown: unknown, code: string): boolean {
  for (let link = thrown, left = MAX_CAUSES; typeof link === 'object' && link !== null && left > 0; left--) {
    const error = link as { readonly code?: unknown; readonly cause?: unknown };
    if (error.code === code) return true;
    link = error.cause;
  }
  return false;
}

/** For logs and reports; not cleaned of secrets. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return '[the error could not be read]';
  }
}

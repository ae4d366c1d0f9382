/** Looks at what somebody threw. It may be a Proxy whose traps throw, which must not take the place of what was thrown. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** For logs and reports; not cleaned of secrets. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return '[the error could not be read]';
  }
}

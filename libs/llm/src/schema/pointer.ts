/** A JSON Pointer (RFC 6901). */
export function pointerOf(path: readonly unknown[]): string {
  const keys = path.map((step) => (typeof step === 'object' && step !== null && 'key' in step ? step.key : step));
  return keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What stands there. */
export function at(value: unknown, pointer: string): unknown {
  return follow(value, stepsOf(pointer));
}

/** Removes a field of an object; the items of a list are none. */
export function removeField(value: unknown, pointer: string): void {
  const steps = stepsOf(pointer);
  const name = steps.pop();
  const parent = follow(value, steps);
  if (name !== undefined && typeof parent === 'object' && parent !== null && !Array.isArray(parent))
    Reflect.deleteProperty(parent, name);
}

function stepsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function follow(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, step)
        ? (inner as Readonly<Record<string, unknown>>)[step]
        : undefined,
    value,
  );
}

/** A value on its way to another process. JSON text where that is exact: it is read in half the time. */
export type Parcel = { readonly json: string } | { readonly value: unknown };

/** `undefined` for what would not arrive as it left: functions, symbols, instances of classes other than Date, accessors. */
export function pack(value: unknown): Parcel | undefined {
  const fidelity = fidelityOf(value);
  if (fidelity === 'json') return { json: JSON.stringify(value) };
  return fidelity === 'clone' ? { value } : undefined;
}

export function unpack(parcel: Parcel): unknown {
  return 'json' in parcel ? (JSON.parse(parcel.json) as unknown) : parcel.value;
}

type Fidelity = 'json' | 'clone' | 'none';

function fidelityOf(root: unknown): Fidelity {
  let fidelity: Fidelity = 'json';
  const open: unknown[] = [root];
  const seen = new Set<object>();
  // Without recursion: data may be nested deeper than the stack.
  while (open.length > 0) {
    const value = open.pop();
    switch (typeof value) {
      case 'string':
      case 'boolean':
        break;
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0)) fidelity = 'clone';
        break;
      case 'bigint':
      case 'undefined':
        fidelity = 'clone';
        break;
      case 'object':
        if (value === null) break;
        // Cycles, and parts that are in two places: only a clone keeps them one.
        if (seen.has(value)) {
          fidelity = 'clone';
          break;
        }
        seen.add(value);
        if (value instanceof Date) fidelity = 'clone';
        else if (Array.isArray(value)) {
          if (Object.keys(value).length !== value.length) fidelity = 'clone';
          for (const item of value as unknown[]) open.push(item);
        } else if (isPlain(value)) {
          for (const key in value) open.push((value as Record<string, unknown>)[key]);
        } else return 'none';
        break;
      default:
        return 'none';
    }
  }
  return fidelity;
}

/** An object literal of any realm, or one without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

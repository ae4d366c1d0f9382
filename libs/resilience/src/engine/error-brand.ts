const BRAND = Symbol.for('nest-resilience:error');

/** Gives a class of errors a name that all copies of this package know it by, whatever a bundler calls it. */
export function brandError(type: NewableFunction, name: string): void {
  Object.defineProperty(type.prototype, BRAND, { value: name });
}

/**
 * What `instanceof` means for our errors: also those that another copy of this package made. A class that extends one of them has
 * no name of its own here, and so matches its own instances only.
 */
export function isErrorOf(type: NewableFunction, value: unknown): boolean {
  try {
    if (Function.prototype[Symbol.hasInstance].call(type, value)) return true;
    const name = brandOf(type.prototype as object);
    if (name === undefined || typeof value !== 'object') return false;
    for (let level = value; level !== null; level = Object.getPrototypeOf(level) as object | null)
      if (brandOf(level) === name) return true;
  } catch {
    // A thrown Proxy whose traps throw is none of ours.
  }
  return false;
}

function brandOf(prototype: object): unknown {
  return Object.getOwnPropertyDescriptor(prototype, BRAND)?.value as unknown;
}

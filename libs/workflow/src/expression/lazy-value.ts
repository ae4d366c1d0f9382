import type { Scope } from './expression.js';

/** A part of a scope that is read when somebody reaches it, and kept for as long as the scope is. */
export class LazyValue {
  readonly #read: () => Promise<unknown>;
  readonly #shown: unknown;
  #value: Promise<unknown> | undefined;

  /** @param shown what it is for those who do not read it */
  constructor(read: () => Promise<unknown>, shown: unknown) {
    this.#read = read;
    this.#shown = shown;
  }

  get(): Promise<unknown> {
    if (this.#value) return this.#value;
    const value = this.#read();
    // What failed may work the next time.
    value.catch(() => (this.#value = undefined));
    return (this.#value = value);
  }

  toJSON(): unknown {
    return this.#shown;
  }
}

/** The scope with what is lazy of these names read; the same object where nothing is. */
export function withLazy(scope: Scope, names: Iterable<string> = Object.keys(scope)): Scope | Promise<Scope> {
  // Before each evaluation, and nearly always for nothing.
  for (const name of names) if (scope[name] instanceof LazyValue) return readAll(scope, names);
  return scope;
}

async function readAll(scope: Scope, names: Iterable<string>): Promise<Scope> {
  const lazy = [...names].flatMap((name) => (scope[name] instanceof LazyValue ? [[name, scope[name]] as const] : []));
  const values = await Promise.all(lazy.map(async ([name, value]) => [name, await value.get()] as const));
  return { ...scope, ...Object.fromEntries(values) };
}

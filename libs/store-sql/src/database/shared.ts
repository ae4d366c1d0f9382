import type { Kysely } from 'kysely';

interface Shared {
  readonly kysely: Kysely<never>;
  users: number;
}

/** On globalThis, because a duplicate install of this package must not open a second connection to the same file. */
const OPEN = ((globalThis as Record<symbol, unknown>)[Symbol.for('nest-resilience:sql-connections')] ??=
  new Map()) as Map<string, Shared>;

interface Borrowed<T> {
  readonly shared: T;
  readonly release: () => Promise<void>;
}

/** One connection (or pool) for all who open the same database in one process; the last `release` closes it. */
export function share<T extends { readonly kysely: Kysely<never> }>(key: string, open: () => T): Borrowed<T> {
  const entry = (OPEN.get(key) ?? { ...open(), users: 0 }) as T & Shared;
  OPEN.set(key, entry);
  entry.users++;
  let released = false;
  return {
    shared: entry,
    release: async () => {
      if (released) return;
      released = true;
      if (--entry.users > 0) return;
      OPEN.delete(key);
      await entry.kysely.destroy();
    },
  };
}

/** The same for what somebody else opened, and will close. */
export function borrow<T>(shared: T): Borrowed<T> {
  return { shared, release: () => Promise.resolve() };
}

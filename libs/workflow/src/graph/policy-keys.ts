import { AsyncLocalStorage } from 'node:async_hooks';

/** Policies that keep something per key. */
export const KEYED_POLICIES = ['cache', 'coalesce', 'rateLimit', 'circuitBreaker'] as const;
export type KeyedPolicy = (typeof KEYED_POLICIES)[number];

/** Without a key these serve all calls together; the others need one to tell calls apart. */
const SHARED: readonly KeyedPolicy[] = ['rateLimit', 'circuitBreaker'];

export function needsKey(policy: KeyedPolicy): boolean {
  return !SHARED.includes(policy);
}

/** What each policy of one call keeps under. */
export type CallKeys = ReadonlyMap<KeyedPolicy, string | undefined>;

// A policy asks for its key without arguments: it is made for functions, and each call brings another one.
const current = new AsyncLocalStorage<CallKeys>();

/** Runs a call so that the key functions of its policies find their keys. */
export function withKeys<T>(keys: CallKeys, call: () => T): T {
  return keys.size === 0 ? call() : current.run(keys, call);
}

/** The key function to give to a policy. */
export function keyOfCall(policy: KeyedPolicy): () => string | undefined {
  const none = needsKey(policy) ? undefined : 'none';
  return () => current.getStore()?.get(policy) ?? none;
}

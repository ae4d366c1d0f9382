import { classifyError, type Clock, type FailureReason, type Random } from '@nest-resilience/core';
import { Cooldown, type CooldownPeriods } from '../chain/cooldown.js';
import type { ResolvedTarget } from '../options/resolved-options.js';

/** What another key of the same account, or of another one, may be spared. */
const OF_THE_KEY: readonly FailureReason[] = ['auth', 'permission', 'quota', 'rate_limit'];

interface Key {
  readonly text: string;
  readonly cooldown: Cooldown;
}

/**
 * Several keys of one provider. The one in use serves until it is refused; then it is left alone for its cooldown, and the next one that
 * is not takes its place.
 */
export class ApiKeys {
  private readonly keys: readonly Key[];
  private current = 0;
  private readonly sent = new WeakMap<AbortSignal, Key>();
  private readonly refused = new WeakMap<object, Key>();
  private readonly triedBy = new WeakMap<object, Set<Key>>();

  constructor(texts: readonly string[], periods: CooldownPeriods, clock: Clock, random: Random) {
    // A key without the right is as good as a bad one, where there is another.
    const ofKeys = { ...periods, permission: periods.permission ?? periods.auth };
    this.keys = texts.map((text) => ({ text, cooldown: new Cooldown(clock, random, ofKeys) }));
  }

  /** The client library's header, with the key that is in use; one that a caller gave stays. */
  authorize(headers: Headers, name: string, signal: AbortSignal | null | undefined): void {
    const value = headers.get(name);
    const first = this.keys[0]?.text ?? '';
    if (value?.endsWith(first) !== true) return;
    const key = this.inUse();
    headers.set(name, value.slice(0, value.length - first.length) + key.text);
    if (signal) this.sent.set(signal, key);
  }

  /** The request of this signal failed so. */
  failed(signal: AbortSignal, error: unknown): void {
    const key = this.sent.get(signal);
    if (key === undefined || !OF_THE_KEY.includes(classifyError(error).reason)) return;
    key.cooldown.failed(error);
    this.refused.set(Object(error) as object, key);
    if (this.keys[this.current] === key) this.current = (this.current + 1) % this.keys.length;
  }

  /** Whether the request that failed so is to be sent with another key: with each of them once. */
  rotates(request: object, error: unknown): boolean {
    const key = this.refused.get(Object(error) as object);
    if (key === undefined) return false;
    const tried = this.triedBy.get(request) ?? new Set();
    this.triedBy.set(request, tried);
    if (tried.has(key)) return false;
    tried.add(key);
    return this.keys.some((one) => !tried.has(one) && isFree(one));
  }

  /** Where all are left alone, the one that is back first: whether to ask at all is decided elsewhere. */
  private inUse(): Key {
    const { keys, current } = this;
    const inTurn = [...keys.slice(current), ...keys.slice(0, current)];
    const remaining = inTurn.map(({ cooldown }) => cooldown.remainingMs);
    const index = remaining.indexOf(Math.min(...remaining));
    this.current = (current + index) % keys.length;
    return inTurn[index] as Key;
  }
}

/** With what its provider's models share. */
export interface ProviderTarget extends ResolvedTarget {
  /** Where there are several. */
  readonly keys?: ApiKeys | undefined;
}

/** Gives the models of each provider that has several keys one {@link ApiKeys}. */
export function sharedKeys(clock: Clock, random: Random): <T extends ResolvedTarget>(target: T) => T & ProviderTarget {
  const known = new Map<string, ApiKeys>();
  return (target) => {
    const { name, apiKeys, cooldown } = target;
    if (apiKeys.length < 2) return target;
    const place = JSON.stringify([name, apiKeys]);
    const keys = known.get(place) ?? new ApiKeys(apiKeys, cooldown, clock, random);
    known.set(place, keys);
    return { ...target, keys };
  };
}

function isFree({ cooldown }: Key): boolean {
  return cooldown.remainingMs === 0;
}

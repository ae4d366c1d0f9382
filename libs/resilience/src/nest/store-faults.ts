import { Inject, Injectable, Logger } from '@nestjs/common';
import { type Clock, systemClock } from '../engine/clock.js';
import { ResilienceError } from '../engine/errors.js';
import { redactText } from '../engine/redaction/index.js';
import { RESILIENCE_CLOCK } from './tokens.js';
import { messageOf } from '../engine/foreign-error.js';

/** Code of an error that says: what this process has written will not be found again. No waiting mends it. */
const STORE_LOST = 'RESILIENCE_STORE_LOST';

export interface StoreFault {
  readonly reason: string;
  /** The store is gone for good: another start has to open it anew. */
  readonly lost: boolean;
  /** The method that failed: the fault ends when it works. */
  readonly method: string;
  /** When it was seen last, by the monotonic clock. */
  readonly at: number;
}

export interface WatchedStore {
  /** For people, e.g. `the ledger`. */
  readonly name: string;
  /** Asked now and then; a fault that passes by itself ends when it resolves. */
  readonly recheck: () => Promise<unknown>;
  /** What a caller gets instead of the store's own error. */
  readonly convert?: (error: unknown) => unknown;
  /** Only what no waiting mends is noted: somebody else knows of the rest. @default false */
  readonly lastingOnly?: boolean;
}

/** Which stores fail now, by what their last uses showed. Health reads it, and acts at once. */
@Injectable()
export class StoreFaults {
  private readonly logger = new Logger('Stores');
  private readonly faults = new Map<string, StoreFault>();
  private readonly rechecks = new Map<string, () => Promise<unknown>>();
  private readonly listeners = new Set<() => void>();

  constructor(@Inject(RESILIENCE_CLOCK) private readonly clock: Clock = systemClock) {}

  get current(): ReadonlyMap<string, StoreFault> {
    return this.faults;
  }

  /** The same store; what its methods come to is noted. Refusals of one item are no faults of the store. */
  watch<T extends object>(
    store: T,
    { name, recheck, convert = (error) => error, lastingOnly = false }: WatchedStore,
  ): T {
    this.rechecks.set(name, recheck);
    const settle = async (method: string, answer: Promise<unknown>): Promise<unknown> => {
      try {
        const value = await answer;
        this.worked(name, method);
        return value;
      } catch (error) {
        if (!isStoreFault(error)) throw error;
        if (!lastingOnly || isLost(error) || DAMAGED.test(messageOf(error))) this.failed(name, method, error);
        throw convert(error);
      }
    };
    return new Proxy(store, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== 'function') return member;
        // An application that cannot open its store wants to know why, in the store's own words.
        if (key === 'init' || key === 'close') return member.bind(target) as unknown;
        return (...args: unknown[]): unknown => {
          const answer: unknown = Reflect.apply(member, target, args);
          return answer instanceof Promise ? settle(String(key), answer) : answer;
        };
      },
    });
  }

  /** Calls back at each change. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Asks the stores that failed whether they answer again. Never rejects. */
  async recheck(): Promise<void> {
    const before = this.clock.now() - RECHECK_AFTER_MS;
    const asked = [...this.faults].filter(([, { lost, reason, at }]) => !lost && at < before && !DAMAGED.test(reason));
    await Promise.all(asked.map(([name, fault]) => this.ask(name, fault)));
  }

  private async ask(name: string, fault: StoreFault): Promise<void> {
    try {
      await this.rechecks.get(name)?.();
      if (this.faults.get(name) === fault) this.faults.delete(name);
    } catch {
      // Still so.
    }
  }

  private failed(name: string, method: string, error: unknown): void {
    const fault = { method, reason: redactText(messageOf(error)), lost: isLost(error), at: this.clock.now() };
    const before = this.faults.get(name);
    // Lost stays lost, whatever else fails because of it.
    if (before?.lost === true) return;
    this.faults.set(name, fault);
    if (fault.lost) this.logger.error(fault.reason);
    if (before?.reason !== fault.reason) this.tell();
  }

  private worked(name: string, method: string): void {
    const fault = this.faults.get(name);
    if (fault === undefined || fault.lost || fault.method !== method) return;
    this.faults.delete(name);
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

/** A full disk answers every read: the fault is believed for so long after it was last seen. */
const RECHECK_AFTER_MS = 20_000;
/** What reads elsewhere in the file do not disprove. */
const DAMAGED = /malformed|not a database|corrupt/i;
/** Of SQLite, PostgreSQL (classes 22 and 23) and MySQL: this one item cannot be kept, others can. */
const REFUSED_ITEM =
  /constraint|datatype mismatch|string or blob too big|^ER_(?:DATA|TRUNCATED|DUP|BAD|NET_PACKET|WRONG|INVALID|NO_REFERENCED)/;

function isStoreFault(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return false;
  if (error instanceof ResilienceError) return error.code === STORE_LOST;
  const code = String((error as { code?: unknown } | null)?.code);
  return !/^2[23]\w{3}$/.test(code) && !REFUSED_ITEM.test(code) && !REFUSED_ITEM.test(messageOf(error));
}

/** Also behind errors that wrap it. */
function isLost(error: unknown): boolean {
  for (let link = error, depth = 0; typeof link === 'object' && link !== null && depth < 10; depth++) {
    const { code, cause } = link as { code?: unknown; cause?: unknown };
    if (code === STORE_LOST) return true;
    link = cause;
  }
  return false;
}

import { Inject, Injectable, Logger } from '@nestjs/common';
import type { FailureReason } from '../engine/classifier/classification.js';
import { classifyError } from '../engine/classifier/classify-error.js';
import { type Clock, systemClock } from '../engine/clock.js';
import { ResilienceError } from '../engine/errors.js';
import { hasCode, messageOf } from '../engine/foreign-error.js';
import { redactText } from '../engine/redaction/index.js';
import { RESILIENCE_CLOCK } from './tokens.js';

/** Code of an error that says: what this process has written will not be found again. No waiting mends it. */
const STORE_LOST = 'RESILIENCE_STORE_LOST';

export interface StoreFault {
  readonly reason: string;
  /** The store is gone for good: another start has to open it anew. */
  readonly lost: boolean;
  /** It does not answer: any answer disproves that, where a full disk still answers reads. */
  readonly away: boolean;
  /** The process is of no use without this store. */
  readonly critical: boolean;
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
  /** A fault of it makes the process not ready. @default false */
  readonly critical?: boolean;
}

/** Which stores fail now, by what their last uses showed. Health reads it, and acts at once. */
@Injectable()
export class StoreFaults {
  private readonly logger = new Logger('Resilience:Stores');
  private readonly faults = new Map<string, StoreFault>();
  private readonly watched = new Map<string, WatchedStore>();
  private readonly listeners = new Set<() => void>();

  constructor(@Inject(RESILIENCE_CLOCK) private readonly clock: Clock = systemClock) {}

  get current(): ReadonlyMap<string, StoreFault> {
    return this.faults;
  }

  /** The same store; what its methods come to is noted. Refusals of one item are no faults of the store. */
  watch<T extends object>(store: T, how: WatchedStore): T {
    const { name, convert = (error) => error, lastingOnly = false } = how;
    this.watched.set(name, how);
    const settle = async (method: string, answer: Promise<unknown>): Promise<unknown> => {
      try {
        const value = await answer;
        this.worked(name, method);
        return value;
      } catch (error) {
        if (!isStoreFault(error)) throw error;
        if (!lastingOnly || hasCode(error, STORE_LOST) || DAMAGED.test(messageOf(error)))
          this.note(name, method, error);
        // An application that cannot open its store wants to know why, in the store's own words.
        throw method === 'init' ? error : convert(error);
      }
    };
    return new Proxy(store, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== 'function') return member;
        if (key === 'close') return member.bind(target) as unknown;
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
    const asked = [...this.faults].filter(
      ([, { lost, reason, at, away }]) => !lost && (away || at < before) && !DAMAGED.test(reason),
    );
    await Promise.all(asked.map(([name, fault]) => this.ask(name, fault)));
  }

  /** That a use of a watched store failed, or has not come to an end in time. */
  note(name: string, method: string, error: unknown): void {
    const { critical = false } = this.watched.get(name) ?? {};
    const fault: StoreFault = {
      ...{
        method,
        critical,
        reason: redactText(messageOf(error)),
        lost: hasCode(error, STORE_LOST),
        at: this.clock.now(),
      },
      away: AWAY.has(classifyError(error).reason),
    };
    const before = this.faults.get(name);
    // Lost stays lost, whatever else fails because of it.
    if (before?.lost === true) return;
    this.faults.set(name, fault);
    if (fault.lost) this.logger.error(fault.reason);
    if (before?.reason !== fault.reason) this.tell();
  }

  private async ask(name: string, fault: StoreFault): Promise<void> {
    try {
      await this.watched.get(name)?.recheck();
      if (this.faults.get(name) !== fault) return;
      this.faults.delete(name);
      this.tell();
    } catch {
      // Still so.
    }
  }

  private worked(name: string, method: string): void {
    const fault = this.faults.get(name);
    if (fault === undefined || fault.lost || (fault.method !== method && !fault.away)) return;
    this.faults.delete(name);
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

const AWAY: ReadonlySet<FailureReason> = new Set(['network', 'timeout']);
/** A full disk answers every read: the fault is believed for so long after it was last seen. */
const RECHECK_AFTER_MS = 20_000;
/** What reads elsewhere in the file do not disprove. */
const DAMAGED = /malformed|not a database|corrupt/i;
/** Of SQLite, PostgreSQL (classes 22 and 23) and MySQL: this one item cannot be kept, others can. */
const REFUSED_ITEM =
  /constraint|datatype mismatch|string or blob too big|^ER_(?:DATA|TRUNCATED|DUP|BAD_NULL|BAD_FIELD|NET_PACKET|WRONG|INVALID|NO_REFERENCED)/;

function isStoreFault(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return false;
  if (error instanceof ResilienceError) return error.code === STORE_LOST;
  const code = String((error as { code?: unknown } | null)?.code);
  return !/^2[23]\w{3}$/.test(code) && !REFUSED_ITEM.test(code) && !REFUSED_ITEM.test(messageOf(error));
}

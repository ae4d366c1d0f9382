import type { Clock } from '@nest-resilience/core';
import { StoreUnavailableError } from '../workflow.errors.js';

/** Long enough for a server that is slow but works: accepting takes four statements. */
export const DEFAULT_STORE_TIMEOUT_MS = 2_000;

/**
 * How long submissions wait for the ledger. While it answers nobody, one at a time goes on asking and the others are refused at once: they
 * would only wait in vain, and what they ask would pile up before the server.
 */
export class LedgerPatience {
  private silence: Error | undefined;
  private answeredAt = -Infinity;
  private asking = false;

  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
    /** Told when the time is over. */
    private readonly report: (error: Error) => void,
  ) {}

  /** The whole wait of one submission, in however many parts. */
  begin(): <T>(ask: () => Promise<T>) => Promise<T> {
    let leftMs = this.limitMs;
    return async (ask) => {
      const startedAt = this.clock.now();
      try {
        return await this.within(ask, startedAt, leftMs);
      } finally {
        leftMs -= this.clock.now() - startedAt;
      }
    };
  }

  /** What was asked goes on when nobody waits for it any longer. @throws StoreUnavailableError, or what `ask` throws */
  private within<T>(ask: () => Promise<T>, startedAt: number, leftMs: number): Promise<T> {
    if (this.silence && this.asking) throw new StoreUnavailableError(this.silence);
    const alone = this.silence !== undefined;
    if (alone) this.asking = true;
    return new Promise((resolve, reject) => {
      let late = false;
      const end = (): void => {
        timer.cancel();
        if (alone && !late) this.asking = false;
      };
      const timer = this.clock.setTimer(
        () => {
          end();
          late = true;
          const message = `the ledger has not answered within ${this.limitMs} ms`;
          const error = Object.assign(new Error(message), { code: 'ETIMEDOUT' });
          // While others get answers this one only waits for somebody's lock.
          if (this.answeredAt < startedAt) this.silence = error;
          reject(new StoreUnavailableError(error));
          this.report(error);
        },
        Math.max(0, leftMs),
      );
      ask().then(
        (value) => {
          end();
          this.answered();
          resolve(value);
        },
        (error: unknown) => {
          end();
          // Also a refusal is an answer, but not that a connection was given up at last.
          if (!late) this.answered();
          reject(error);
        },
      );
    });
  }

  private answered(): void {
    this.answeredAt = this.clock.now();
    this.silence = undefined;
  }
}

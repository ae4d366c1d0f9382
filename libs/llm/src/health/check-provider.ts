import { type Clock, onAbort } from '@nest-resilience/core';
import { maybeServed, reasonOf } from '../chain/reason.js';
import { NO_USAGE } from '../llm.result.js';
import type { LlmProvider, ProviderCheck } from '../providers/provider.js';
import type { SettleCheck } from './check-budget.js';
import type { Evidence } from './connectivity.js';

export interface CheckOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Ends a check that is on its way. */
  readonly stop: AbortSignal;
  readonly billed: boolean;
  /** Books a request that costs money; `undefined` when it must not be sent. */
  readonly book: () => SettleCheck | undefined;
}

/**
 * Checks one provider; a check that does not end in time, or never, is a failed one. Never rejects.
 * @returns `withheld` when nothing was learnt because a request that costs money must not be sent
 */
export function checkProvider(
  provider: LlmProvider,
  { clock, timeoutMs, stop, billed, book }: CheckOptions,
): Promise<Omit<Evidence, 'at'> | 'withheld'> {
  const startedAt = clock.now();
  const controller = new AbortController();
  let settle: SettleCheck | undefined;
  const mayPay = () => !controller.signal.aborted && (settle = book()) !== undefined;
  return new Promise((resolve) => {
    const end = (result: Pick<Evidence, 'ok' | 'reason' | 'message'> | 'withheld') => {
      timer.cancel();
      unlisten();
      resolve(result === 'withheld' ? result : { ...result, source: 'check', latencyMs: clock.now() - startedAt });
    };
    const giveUp = (reason: 'timeout' | 'aborted', message: string) => {
      end({ ok: false, reason, message });
      controller.abort(new Error(message));
    };
    const stopped = () => giveUp('aborted', 'the application shuts down');
    const timer = clock.setTimer(() => giveUp('timeout', `no answer within ${timeoutMs} ms`), timeoutMs);
    timer.unref();
    const unlisten = onAbort(stop, stopped);
    const answered = (check: ProviderCheck) => {
      // A server that counts no tokens is charged what was expected of it.
      if (check.kind === 'paid' && check.usage.totalTokens > 0) settle?.(check.usage);
      end(check.kind === 'withheld' ? check.kind : { ok: true });
    };
    const failed = (error: unknown) => {
      const reason = reasonOf(error);
      // A refusal costs nothing, of a lost answer nobody knows; so of one that came too late.
      if (!controller.signal.aborted && !maybeServed(reason)) settle?.(NO_USAGE);
      end({ ok: false, reason, message: factOf(error) });
    };
    provider.check({ signal: controller.signal, billed, mayPay }).then(answered, failed);
  });
}

/** What health may say to everybody. Never the provider's own words: some repeat the key, or the address, that was wrong. */
function factOf(error: unknown): string {
  for (let link = error, depth = 0; typeof link === 'object' && link !== null && depth < 5; depth++) {
    const { status, statusCode = status, code, cause } = link as Readonly<Record<string, unknown>>;
    if (typeof statusCode === 'number') return `answered ${statusCode}`;
    if (typeof code === 'string' && /^[A-Z][A-Z_]{2,30}$/.test(code)) return `failed with ${code}`;
    link = cause;
  }
  return 'the check failed';
}

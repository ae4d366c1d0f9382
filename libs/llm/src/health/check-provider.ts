import { type Clock, onAbort } from '@nest-resilience/core';
import { maybeServed, reasonOf } from '../chain/reason.js';
import { NO_USAGE } from '../llm.result.js';
import type { LlmProvider, ProviderCheck } from '../providers/provider.js';
import type { SettleCheck } from './check-budget.js';
import { type Evidence, PROVING } from './connectivity.js';

export interface CheckOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Ends a check that is on its way. */
  readonly stop: AbortSignal;
  readonly billed: boolean;
  /** Books a request that costs money; `undefined` when it must not be sent. */
  readonly book: () => SettleCheck | undefined;
  /** Hears of a rate limit, whose hint holds for checks too. */
  readonly limited: (error: unknown) => void;
}

/**
 * Checks one provider; a check that does not end in time, or never, is a failed one. Never rejects.
 * @returns `withheld` when nothing was learnt because a request that costs money must not be sent
 */
export function checkProvider(
  provider: LlmProvider,
  { clock, timeoutMs, stop, billed, book, limited }: CheckOptions,
): Promise<Omit<Evidence, 'at'> | 'withheld'> {
  const startedAt = clock.now();
  const controller = new AbortController();
  let settle: SettleCheck | undefined;
  const mayPay = () => !controller.signal.aborted && (settle = book()) !== undefined;
  return new Promise((resolve) => {
    const end = (result: Pick<Evidence, 'ok' | 'reason' | 'message' | 'missing' | 'asked'> | 'withheld') => {
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
      if (check.kind === 'withheld') return end(check.kind);
      const missing = check.kind === 'free' && check.missing === true;
      end({ ok: true, asked: check.kind === 'paid', ...(missing && { missing }) });
    };
    const failed = (error: unknown) => {
      const reason = reasonOf(error);
      // A refusal costs nothing, of a lost answer nobody knows; so of one that came too late.
      if (!controller.signal.aborted && !maybeServed(reason)) settle?.(NO_USAGE);
      if (reason === 'rate_limit') limited(error);
      // Whoever counts requests, or reads a text, has taken the key.
      const proven = PROVING.includes(reason) || isAboutLength(error);
      end(proven ? { ok: true, asked: reason !== 'rate_limit' } : { ok: false, reason, message: factOf(error) });
    };
    provider.check({ signal: controller.signal, billed, mayPay }).then(answered, failed);
  });
}

/** A model that cannot say all it has to in one token, or takes no request for so few, is there and has answered. */
function isAboutLength(error: unknown): boolean {
  if (reasonOf(error) !== 'bad_request') return false;
  const { message, responseBody } = error as { readonly message?: string; readonly responseBody?: string };
  return /max_\w*tokens|maxoutputtokens|output limit/i.test(`${message ?? ''} ${responseBody ?? ''}`);
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

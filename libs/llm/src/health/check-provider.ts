import type { Clock } from '@nest-resilience/core';
import { messageOf } from '../llm.errors.js';
import type { LlmProvider } from '../providers/provider.js';
import { reasonOf } from '../chain/reason.js';
import type { Evidence } from './connectivity.js';

export interface CheckOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Ends a check that is on its way. */
  readonly stop: AbortSignal;
  readonly billed: boolean;
}

/** Checks one provider; a check that does not end in time, or never, is a failed one. Never rejects. */
export function checkProvider(
  provider: LlmProvider,
  { clock, timeoutMs, stop, billed }: CheckOptions,
): Promise<Omit<Evidence, 'at'>> {
  const startedAt = clock.now();
  const controller = new AbortController();
  return new Promise((resolve) => {
    const end = (evidence: Pick<Evidence, 'ok' | 'reason' | 'message'>) => {
      timer.cancel();
      stop.removeEventListener('abort', stopped);
      resolve({ ...evidence, source: 'check', latencyMs: clock.now() - startedAt });
    };
    const giveUp = (reason: 'timeout' | 'aborted', message: string) => {
      end({ ok: false, reason, message });
      controller.abort(new Error(message));
    };
    const stopped = () => giveUp('aborted', 'the application shuts down');
    const timer = clock.setTimer(() => giveUp('timeout', `no answer within ${timeoutMs} ms`), timeoutMs);
    timer.unref();
    stop.addEventListener('abort', stopped, { once: true });
    provider.check({ signal: controller.signal, billed }).then(
      () => end({ ok: true }),
      (error: unknown) => end({ ok: false, reason: reasonOf(error), message: messageOf(error) }),
    );
  });
}

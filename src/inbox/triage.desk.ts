import { createHash } from 'node:crypto';

import { Attempt, type AttemptContext, CircuitBreaker, Retry, Timeout } from '@nest-resilience/core';
import type { StepContext } from '@nest-resilience/workflow';
import { Inject, Injectable } from '@nestjs/common';

import { deliver } from './delivery.js';
import { INBOX_OPTIONS, type InboxOptions } from './inbox.options.js';

/** What a triage came to. */
export interface Triage {
  readonly messageId: string;
  readonly subject: string;
  readonly category: string;
  /** 0..1 */
  readonly confidence: number;
  readonly summary: string;
  /** None for spam. */
  readonly reply?: string;
}

/** Hands finished triages to whoever works with them. The run fails when it cannot: a triage nobody sees did not happen. */
@Injectable()
export class TriageDesk {
  constructor(@Inject(INBOX_OPTIONS) private readonly options: InboxOptions) {}

  @Retry({ maxRetries: 2, baseDelay: '100ms' })
  @CircuitBreaker({ name: 'triage-desk', failureThreshold: 5, recoveryTimeout: '2s' })
  @Timeout('5s')
  async file(
    triage: Triage,
    { idempotencyKey }: StepContext,
    @Attempt() attempt?: AttemptContext,
  ): Promise<{ readonly ticket: string; readonly filed: boolean }> {
    const ticket = createHash('sha256').update(idempotencyKey).digest('hex').slice(0, 12);
    const { deskUrl } = this.options;
    if (deskUrl !== undefined)
      await deliver(deskUrl, { ticket, ...triage }, { idempotencyKey, signal: attempt?.signal });
    return { ticket, filed: deskUrl !== undefined };
  }
}

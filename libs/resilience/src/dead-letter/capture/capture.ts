import { createHash } from 'node:crypto';
import { atOnce } from '../../engine/at-once.js';
import type { Clock } from '../../engine/clock.js';
import type { FailedCall } from '../../engine/dead-letter-sink.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { type ClassifyError, storeError } from './error-record.js';
import { uuidV7Source } from '../../engine/uuid-v7.js';
import type { ResolvedDeadLetterOptions } from '../dead-letter.options.js';
import { createRedactor } from './redact.js';
import { encodeArgs } from './serializer.js';

export interface CaptureParts {
  readonly clock: Clock;
  readonly classify: ClassifyError;
  /** The W3C trace context of the running call, if there is one. */
  readonly traceparent?: (() => string | undefined) | undefined;
}

/** Turns failed calls into new entries; one for all methods, because it makes their ids. Never throws. */
export class FailedCallCapture {
  private readonly nextId: () => string;

  constructor(private readonly parts: CaptureParts) {
    this.nextId = uuidV7Source(() => parts.clock.epochNow());
  }

  capture(call: FailedCall, options: ResolvedDeadLetterOptions): DeadLetterRecord {
    const { secrets, ...encoded } = encodeArgs(call.args, options);
    const redactor = createRedactor(options.redact);
    const { clock, classify } = this.parts;
    const describe = (error: unknown) => storeError(error, redactor, secrets);
    const createdAt = clock.epochNow();
    const idempotencyKey = attempt(() => {
      const key = atOnce(options.idempotencyKey?.(...(call.args as never[])), '@DeadLetter > idempotencyKey');
      return typeof key === 'string' ? keyWithoutSecrets(key, redactor.text(key, secrets)) : undefined;
    });
    const traceparent = attempt(() => this.parts.traceparent?.());
    return {
      id: this.nextId(),
      queue: options.queue,
      target: call.target,
      ...encoded,
      reason: call.reason,
      error: storeError(call.error, redactor, secrets, classify),
      attempts: call.attempts.map(({ number, startedAt, durationMs, error }) => ({
        ...{ number, startedAt, durationMs },
        ...(error !== undefined && { error: describe(error) }),
      })),
      fallbacks: call.fallbacks.map(({ level, name, error }) => ({
        ...{ level, name },
        ...(error !== undefined && { error: describe(error) }),
      })),
      executionId: call.executionId,
      ...(typeof traceparent === 'string' && { traceparent }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      occurrences: 1,
      firstFailedAt: call.firstFailedAt,
      ...{ createdAt, updatedAt: createdAt },
      status: 'pending',
      redrives: 0,
      maxRedrives: options.maxRedrives,
    };
  }
}

/** Two calls with different secrets are different calls, so what tells them apart must stay. */
function keyWithoutSecrets(key: string, clean: string): string {
  return clean === key ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** A user's function that throws costs the entry one field, not its existence. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

import { brandError } from '../engine/error-brand.js';
import { ResilienceError } from '../engine/errors.js';
import type { DeadLetterRecord } from './dead-letter.entry.js';

export type DeadLetterErrorCode =
  | 'RESILIENCE_DEAD_LETTER_NOT_FOUND'
  | 'RESILIENCE_DEAD_LETTER_NOT_REPLAYABLE'
  | 'RESILIENCE_DEAD_LETTER_LEASED'
  | 'RESILIENCE_DEAD_LETTER_LEASE_LOST'
  | 'RESILIENCE_DEAD_LETTER_CLOSED'
  | 'RESILIENCE_DEAD_LETTER_TARGET_UNKNOWN';

/** A request about one entry that cannot be carried out; branch on `code`. */
export class DeadLetterError extends ResilienceError {
  static {
    brandError(this, 'DeadLetterError');
  }

  constructor(
    message: string,
    override readonly code: DeadLetterErrorCode,
    readonly deadLetterId: string,
    target = 'dead-letter',
  ) {
    super(message, code, target);
  }
}

export function notFound(id: string): DeadLetterError {
  return new DeadLetterError(
    `There is no dead letter '${id}': it never existed, or it was purged`,
    'RESILIENCE_DEAD_LETTER_NOT_FOUND',
    id,
  );
}

export function notReplayable({ id, target, notReplayable: reasons }: DeadLetterRecord): DeadLetterError {
  return new DeadLetterError(
    `Dead letter '${id}' of ${target} cannot be replayed as stored: ${reasons.join('; ')}. Edit its arguments first`,
    'RESILIENCE_DEAD_LETTER_NOT_REPLAYABLE',
    id,
    target,
  );
}

export function leased({ id, target }: DeadLetterRecord): DeadLetterError {
  return new DeadLetterError(
    `Dead letter '${id}' of ${target} is being redriven at this moment; it is free again when that ends or its lease runs out`,
    'RESILIENCE_DEAD_LETTER_LEASED',
    id,
    target,
  );
}

export function leaseLost({ id, target }: DeadLetterRecord): DeadLetterError {
  return new DeadLetterError(
    `Dead letter '${id}' of ${target} was run, but its lease had run out meanwhile: the outcome of this run was not recorded`,
    'RESILIENCE_DEAD_LETTER_LEASE_LOST',
    id,
    target,
  );
}

export function closed({ id, target, status }: DeadLetterRecord): DeadLetterError {
  return new DeadLetterError(
    `Dead letter '${id}' of ${target} is ${status}: only pending and poisoned ones can be redriven, edited or discarded`,
    'RESILIENCE_DEAD_LETTER_CLOSED',
    id,
    target,
  );
}

export function targetUnknown({ id, target }: DeadLetterRecord): DeadLetterError {
  return new DeadLetterError(
    `Dead letter '${id}' calls ${target}, which is no method with @DeadLetter in this application: redrive it where it is one, ` +
      'declare @DeadLetter on it, or discard the entry',
    'RESILIENCE_DEAD_LETTER_TARGET_UNKNOWN',
    id,
    target,
  );
}

/** Whoever wrote the arguments in another form went past what the method does when it revives its own. */
export function foreignForm({ id, target, args }: DeadLetterRecord, own: string): DeadLetterError {
  return new DeadLetterError(
    `Dead letter '${id}' has its arguments in the form '${args.encoding}', and ${target} keeps them as '${own}': ` +
      'edit the arguments, which brings them into that form, or discard the entry',
    'RESILIENCE_DEAD_LETTER_NOT_REPLAYABLE',
    id,
    target,
  );
}

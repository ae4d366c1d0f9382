import type { BatchObservableResult } from '@opentelemetry/api';

import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

/** @param open by queue, as this process counts them: a collection must not wait for a store */
export function readDeadLetters(
  result: BatchObservableResult,
  instruments: Instruments,
  open: Readonly<Record<string, number>>,
): void {
  for (const [queue, count] of Object.entries(open)) {
    result.observe(instruments.deadLetters, count, { [ATTRIBUTES.queue]: queue });
  }
}

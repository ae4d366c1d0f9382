import type { DeadLetterStatus } from '../dead-letter/dead-letter.entry.js';
import type { Screen } from './screen.js';

const COLOURS = {
  pending: 'yellow',
  redriving: 'cyan',
  resolved: 'green',
  poisoned: 'red',
  discarded: 'gray',
} as const satisfies Record<DeadLetterStatus, string>;

/** @param text may be padded */
export function paintStatus(screen: Screen, text: string): string {
  const status = text.trim();
  return Object.hasOwn(COLOURS, status) ? screen.paint(COLOURS[status as DeadLetterStatus], text) : text;
}

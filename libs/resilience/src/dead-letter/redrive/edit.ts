import { type OptionProblem, ResilienceOptionsError } from '../../engine/errors.js';
import type { DeadLetterRecord, StoredArgs } from '../dead-letter.entry.js';
import { describePlace, REDACTED } from '../capture/redact.js';
import type { DeadLetterCodec } from '../dead-letter.options.js';
import { encodeArgs } from '../capture/serializer.js';

/**
 * Arguments that a person gave to an entry, in the form that is kept. Nothing is taken out of them or cut: a person chose
 * these values.
 * @throws ResilienceOptionsError with everything that keeps the method from being called with them
 */
export function encodeEdited(
  args: readonly unknown[],
  record: DeadLetterRecord,
  codec: DeadLetterCodec | undefined,
): StoredArgs {
  if (!Array.isArray(args)) refuse([{ path: 'args', value: args, allowed: 'a list with all arguments of the method' }]);
  const count = countOf(record);
  const { args: stored, notReplayable } = encodeArgs(args, {
    ...{ redact: false, maxArgsBytes: Infinity, serializeArgs: codec?.serializeArgs },
  });
  const problems: OptionProblem[] = [
    ...notReplayable.map((why) => ({ path: 'args', value: args, allowed: `values that can be stored: ${why}` })),
    ...marksIn(args, record).map((place) => ({
      ...{ path: place, value: REDACTED, allowed: 'the value itself: it was left out as secret' },
    })),
  ];
  if (args.length < count) {
    problems.push({ path: 'args', value: args, allowed: `all ${count} arguments, as many as the call had` });
  }
  if (problems.length > 0) refuse(problems);
  return stored;
}

/** As far as it is known: what could not be serialised is not shown one by one. */
function countOf({ args: { encoding, json } }: DeadLetterRecord): number {
  return encoding === 'superjson' && Array.isArray(json) ? json.length : 0;
}

/** Where the mark of a secret still stands. A text may speak of it elsewhere. */
function marksIn(args: readonly unknown[], { redacted }: DeadLetterRecord): string[] {
  const places = new Set(redacted);
  const found: string[] = [];
  const open = args.map((value, index) => ({ value, place: [String(index)] }));
  const seen = new Set<unknown>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, place } = next;
    if (typeof value === 'string') {
      if (value === REDACTED || (value.includes(REDACTED) && places.has(describePlace(place))))
        found.push(describePlace(place));
    } else if (typeof value === 'object' && value !== null && !seen.has(value)) {
      seen.add(value);
      const children: [unknown, unknown][] =
        value instanceof Map ? [...value] : value instanceof Set ? [...value.entries()] : Object.entries(value);
      for (const [key, child] of children) open.push({ value: child, place: [...place, String(key)] });
    }
  }
  return found.reverse();
}

function refuse(problems: OptionProblem[]): never {
  throw new ResilienceOptionsError(problems);
}

import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import { nearest } from '../engine/options.js';

const NUMBERS: readonly string[] = ['limit', 'ratePerSecond'];
const TIMES: readonly string[] = ['from', 'to'];
const QUERY_NAMES = ['queue', 'status', 'target', 'errorName', 'from', 'to', 'text', 'limit', 'cursor', 'order'];

/**
 * A query string as what `DeadLetterService` takes: numbers, times (ISO 8601 or epoch milliseconds) and lists of
 * statuses. What cannot be read stays as it is, so that the service names it and the value that was sent.
 */
export function fromQueryString(query: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      if (TIMES.includes(name)) return [name, toTime(value)];
      if (NUMBERS.includes(name)) return [name, toNumber(value)];
      if (name === 'status' && typeof value === 'string' && value.includes(',')) return [name, value.split(',')];
      return [name, value];
    }),
  );
}

/** The body of a batch redrive: a filter and how to go about it. */
export function fromRedriveBody(body: unknown): { filter: object; options: object } {
  const { filter, ...options } = objectBody(body, ['filter', 'ratePerSecond', 'concurrency', 'limit', 'dryRun']);
  return { filter: filterOf(filter), options };
}

/** The body of a purge: a filter, either by itself or as `filter`. */
export function fromPurgeBody(body: unknown): object {
  const { filter } = objectBody(body, ['filter']);
  if (filter === undefined) {
    throw bad('filter', undefined, "a filter such as { queue: 'orders' }; {} for every resolved and discarded entry");
  }
  return filterOf(filter);
}

export interface EditBody {
  readonly args: unknown[];
  readonly argsMeta: unknown;
  readonly note: string | undefined;
}

export function fromEditBody(body: unknown): EditBody {
  const { args, argsMeta, note } = objectBody(body, ['args', 'argsMeta', 'note']);
  const problems: OptionProblem[] = [];
  if (!Array.isArray(args))
    problems.push({ path: 'args', value: args, allowed: 'a list with all arguments of the method' });
  if (argsMeta !== undefined && (typeof argsMeta !== 'object' || Array.isArray(argsMeta))) {
    problems.push({ path: 'argsMeta', value: argsMeta, allowed: 'the argsMeta of the entry, or null' });
  }
  if (note !== undefined && typeof note !== 'string') problems.push({ path: 'note', value: note, allowed: 'a text' });
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return { args: args as unknown[], argsMeta, note: note as string | undefined };
}

export function fromNoteBody(body: unknown): { note?: string } {
  const { note } = objectBody(body, ['note']);
  if (note === undefined) return {};
  if (typeof note !== 'string') throw bad('note', note, 'a text');
  return { note };
}

function filterOf(filter: unknown): object {
  if (filter === undefined) return {};
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw bad('filter', filter, `an object with ${QUERY_NAMES.slice(0, 7).join(', ')}`);
  }
  return fromQueryString(filter as Record<string, unknown>);
}

function objectBody(body: unknown, known: readonly string[]): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body))
    throw bad('body', body, `a JSON object with ${known.join(', ')}`);
  const problems = Object.entries(body)
    .filter(([name]) => !known.includes(name))
    .map(([name, value]: [string, unknown]) => {
      const near = nearest(name, known);
      return {
        path: name,
        value,
        allowed: `no such field${near ? ` (did you mean '${near}'?)` : ''}; known: ${known.join(', ')}`,
      };
    });
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return body as Record<string, unknown>;
}

function toNumber(value: unknown): unknown {
  return typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
}

function toTime(value: unknown): unknown {
  const number = toNumber(value);
  if (typeof number === 'number' || typeof value !== 'string') return number;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? value : parsed;
}

function bad(path: string, value: unknown, allowed: string): ResilienceOptionsError {
  return new ResilienceOptionsError([{ path, value, allowed }]);
}

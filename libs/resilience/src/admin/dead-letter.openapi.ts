import type { RedriveReport } from '../dead-letter/redrive/batch.js';
import {
  DEAD_LETTER_STATUSES,
  type StoredAttempt,
  type StoredError,
  type StoredFallback,
} from '../dead-letter/dead-letter.entry.js';
import {
  type DeadLetterCount,
  type DeadLetterFilter,
  type DeadLetterQuery,
  MAX_PAGE_LIMIT,
} from '../dead-letter/store/dead-letter.store.js';
import type { ImportReport } from '../dead-letter/store/transfer.js';
import type { DeadLetterView } from '../dead-letter/dead-letter.view.js';
import type { ControllerDescription, ResponseDescription } from '../nest/openapi/describe-routes.js';
import { type Problem, problem, problemWith } from '../nest/openapi/problem.schema.js';
import {
  anyObject,
  flag,
  integer,
  list,
  name,
  nullable,
  number,
  object,
  objectOf,
  oneOf,
  type Schema,
  text,
} from '../nest/openapi/schema.js';

const STATUS = oneOf(DEAD_LETTER_STATUSES);
const TIME = integer('Epoch milliseconds');
const ERROR = objectOf<StoredError>({
  name: text(),
  message: text(),
  'code?': {},
  'status?': integer(),
  'stack?': text(),
  'cause?': anyObject(),
  'errors?': list(anyObject()),
  'classification?': anyObject(),
});

const ENTRY = objectOf<DeadLetterView>({
  id: text('UUIDv7: ids sort by the time of the failure'),
  queue: text(),
  target: text('Class.method'),
  args: list({}, 'All arguments of the call') as Schema<unknown>,
  'excerpt?': flag('Large arguments are shown in part'),
  'argsMeta?': anyObject(
    'Which arguments are Dates, Maps and so on; send it back with edited arguments',
  ) as Schema<unknown>,
  replayable: flag('False when the stored arguments are not those of the call'),
  notReplayable: list(text(), 'Why not'),
  redacted: list(text(), 'Places of values that were not stored'),
  reason: text(),
  error: ERROR,
  attempts: list(
    objectOf<StoredAttempt>({
      number: integer(),
      startedAt: number('Epoch milliseconds'),
      durationMs: number(),
      'error?': ERROR,
    }),
  ),
  fallbacks: list(objectOf<StoredFallback>({ level: integer(), name: text(), 'error?': ERROR })),
  executionId: text(),
  'traceparent?': text(),
  'idempotencyKey?': text(),
  occurrences: integer('Failed calls in this entry'),
  firstFailedAt: TIME,
  createdAt: TIME,
  updatedAt: TIME,
  'closedAt?': TIME,
  status: STATUS,
  redrives: integer(),
  maxRedrives: integer(),
  'lastRedriveAt?': TIME,
  'lastRedriveError?': ERROR,
  'note?': text(),
});

const ANY_STATUS = `(${DEAD_LETTER_STATUSES.join('|')})`;
const MOMENT: Schema = { ...text('ISO 8601, or epoch milliseconds'), format: 'date-time' };

export const FILTER: Readonly<Record<keyof DeadLetterFilter, Schema>> = {
  queue: name(),
  status: { ...text('Several with commas between'), pattern: `^${ANY_STATUS}(,${ANY_STATUS})*$` },
  target: name('Class.method'),
  errorName: name(),
  from: MOMENT,
  to: MOMENT,
  text: name('Somewhere in the entry'),
};

export const PAGE: Readonly<Record<Exclude<keyof DeadLetterQuery, keyof DeadLetterFilter>, Schema>> = {
  limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE_LIMIT },
  cursor: text('nextCursor of the page before'),
  order: { ...oneOf(['newest', 'oldest']), default: 'newest' },
};

const FILTER_BODY = object(Object.fromEntries(Object.entries(FILTER).map(([name, schema]) => [`${name}?`, schema])));

export const REDRIVE = object({
  'filter?': FILTER_BODY,
  'ratePerSecond?': { ...number(), default: 10, minimum: 0.001, maximum: 10_000 },
  'concurrency?': { ...integer(), default: 1, minimum: 1, maximum: 1_000 },
  'limit?': { ...integer('Entries at most'), minimum: 1 },
  'dryRun?': { ...flag(), default: false },
});
export const PURGE = object({
  filter: { ...FILTER_BODY, description: "Such as { queue: 'orders' }; {} for every resolved and discarded entry" },
});
export const NOTE = object({ 'note?': text() });
export const EDIT = object({
  args: list<unknown>({}, 'All arguments of the method'),
  'argsMeta?': nullable(anyObject('As the entry has it')),
  'note?': text(),
});

const ID = { id: text() };
const entry = (description: string): ResponseDescription => ({ description, schema: ENTRY });
const BAD_QUERY = problem('The query cannot be; every problem is named');
const BAD_BODY = problem('The body cannot be; every problem is named');
const refusal = problemWith<Problem & { readonly id?: string }>({ 'id?': text('Of the entry') });
const UNKNOWN = refusal('There is no such entry');
const CONFLICT = refusal('Somebody else has it, it is closed, or it cannot be run');

export const DEAD_LETTERS: ControllerDescription = {
  tag: 'dead-letters',
  routes: {
    list: {
      summary: 'A page of entries',
      description: 'Ends at the limit or at about 4 MiB. Large arguments come in part, marked as excerpt.',
      query: { ...FILTER, ...PAGE },
      responses: {
        200: {
          description: 'nextCursor is null on the last page',
          schema: object({ items: list(ENTRY), nextCursor: nullable(text()) }),
        },
        400: BAD_QUERY,
      },
    },
    counts: {
      summary: 'How many there are, by queue and status',
      query: FILTER,
      responses: {
        200: {
          description: 'Of those that the filter takes',
          schema: object({
            counts: list(
              objectOf<DeadLetterCount>({ queue: text(), status: STATUS, count: integer(), oldestAt: TIME }),
            ),
          }),
        },
        400: BAD_QUERY,
      },
    },
    export: {
      summary: 'All entries, streamed',
      query: FILTER,
      responses: {
        200: { description: 'One entry per line, oldest first', schema: text(), mediaType: 'application/x-ndjson' },
        400: BAD_QUERY,
      },
    },
    get: {
      summary: 'One entry with its arguments',
      params: ID,
      responses: { 200: entry('The entry'), 404: UNKNOWN },
    },
    redriveAll: {
      summary: 'Run a batch again',
      description: 'Answers when the batch is over. A client that goes away cancels it.',
      body: REDRIVE,
      responses: {
        200: {
          description: 'What became of them',
          schema: objectOf<RedriveReport>({
            matched: integer('Entries that the filter took when the batch began'),
            resolved: integer(),
            failed: integer('Pending again'),
            poisoned: integer('Failed for the last time'),
            skipped: integer('Could not be run'),
            dryRun: flag(),
            cancelled: flag(),
          }),
        },
        400: BAD_BODY,
      },
    },
    import: {
      summary: 'Take entries in',
      description:
        'The body is NDJSON (application/x-ndjson) as the export gives it, read as it comes. Safe to repeat.',
      responses: {
        200: {
          description: 'What became of the lines',
          schema: objectOf<ImportReport>({
            added: integer(),
            merged: integer('Went into an entry with the same idempotency key'),
            known: integer('Were there already, by id'),
            refusedLines: integer('Held no entry'),
            refused: list(object({ line: integer('From 1'), problem: text() }), 'The first 1,000 of them'),
            'stopped?': text('After how many lines it was given up, and what to do'),
          }),
        },
        415: problem('The body is not NDJSON'),
      },
    },
    purge: {
      summary: 'Remove entries for good',
      description: 'Without a status only resolved and discarded ones.',
      body: PURGE,
      responses: {
        200: { description: 'How many were removed', schema: object({ removed: integer() }) },
        400: BAD_BODY,
      },
    },
    redrive: {
      summary: 'Run one again',
      params: ID,
      responses: {
        200: {
          description: 'Also when it failed again: outcome says so',
          schema: object({
            id: text(),
            outcome: oneOf(['resolved', 'failed']),
            status: STATUS,
            redrives: integer(),
            'error?': object({ name: text(), message: text() }),
          }),
        },
        404: UNKNOWN,
        409: CONFLICT,
        503: problem('The store is away, or another process runs what it calls; Retry-After'),
      },
    },
    discard: {
      summary: 'Decide that it will not be run',
      params: ID,
      body: NOTE,
      responses: { 200: entry('The entry as it is now'), 400: BAD_BODY, 404: UNKNOWN, 409: CONFLICT },
    },
    edit: {
      summary: 'Change its arguments',
      params: ID,
      body: EDIT,
      responses: { 200: entry('The entry as it is now'), 400: BAD_BODY, 404: UNKNOWN, 409: CONFLICT },
    },
  },
};

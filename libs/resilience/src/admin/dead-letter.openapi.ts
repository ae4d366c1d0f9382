import { DEAD_LETTER_STATUSES } from '../dead-letter/dead-letter.entry.js';
import { MAX_PAGE_LIMIT } from '../dead-letter/dead-letter.store.js';
import { type ControllerDescription, problem, type ResponseDescription } from '../nest/openapi/describe-routes.js';
import {
  dictionary,
  flag,
  integer,
  list,
  name,
  number,
  object,
  oneOf,
  type Schema,
  text,
} from '../nest/openapi/schema.js';

const STATUS = oneOf(DEAD_LETTER_STATUSES);
const TIME = integer('Epoch milliseconds');
const ERROR = object({
  name: text(),
  message: text(),
  'code?': {},
  'status?': integer(),
  'stack?': text(),
  'cause?': dictionary(true),
  'errors?': list(dictionary(true)),
  'classification?': dictionary(true),
});

const ENTRY = object({
  id: text('UUIDv7: ids sort by the time of the failure'),
  queue: text(),
  target: text('Class.method'),
  args: list({}, 'All arguments of the call'),
  'excerpt?': flag('Large arguments are shown in part'),
  'argsMeta?': dictionary(true, 'Which arguments are Dates, Maps and so on; send it back with edited arguments'),
  replayable: flag('False when the stored arguments are not those of the call'),
  notReplayable: list(text(), 'Why not'),
  redacted: list(text(), 'Places of values that were not stored'),
  reason: text(),
  error: ERROR,
  attempts: list(object({ number: integer(), startedAt: TIME, durationMs: number(), 'error?': ERROR })),
  fallbacks: list(object({ level: integer(), name: text(), 'error?': ERROR })),
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

const FILTER: Readonly<Record<string, Schema>> = {
  queue: name(),
  status: { ...text('Several with commas between'), pattern: `^${ANY_STATUS}(,${ANY_STATUS})*$` },
  target: name('Class.method'),
  errorName: name(),
  from: MOMENT,
  to: MOMENT,
  text: name('Somewhere in the entry'),
};
const filterBody = (): Schema =>
  object(Object.fromEntries(Object.entries(FILTER).map(([name, schema]) => [`${name}?`, schema])));
const PAGE: Readonly<Record<string, Schema>> = {
  limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE_LIMIT },
  cursor: text('nextCursor of the page before'),
  order: { ...oneOf(['newest', 'oldest']), default: 'newest' },
};

const ID = { id: text() };
const entry = (description: string): ResponseDescription => ({ description, schema: ENTRY });
const BAD_QUERY = problem('The query cannot be; every problem is named');
const BAD_BODY = problem('The body cannot be; every problem is named');
const UNKNOWN = problem('There is no such entry');
const CONFLICT = problem('Somebody else has it, it is closed, or it cannot be run');

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
          schema: object({ items: list(ENTRY), nextCursor: { type: 'string', nullable: true } }),
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
            counts: list(object({ queue: text(), status: STATUS, count: integer(), oldestAt: TIME })),
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
      description:
        'Answers when the batch is over; with Accept: application/x-ndjson a line after each entry and the report as the last. ' +
        'A client that goes away cancels it.',
      body: object({
        'filter?': filterBody(),
        'ratePerSecond?': { type: 'number', default: 10, minimum: 0.001, maximum: 10_000 },
        'concurrency?': { type: 'integer', default: 1, minimum: 1, maximum: 1_000 },
        'limit?': { ...integer('Entries at most'), minimum: 1 },
        'dryRun?': { type: 'boolean', default: false },
      }),
      responses: {
        200: {
          description: 'What became of them',
          schema: object({
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
          schema: object({
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
      body: object({ filter: filterBody() }),
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
      body: object({ 'note?': text() }),
      responses: { 200: entry('The entry as it is now'), 400: BAD_BODY, 404: UNKNOWN, 409: CONFLICT },
    },
    edit: {
      summary: 'Change its arguments',
      params: ID,
      body: object({
        args: list({}, 'All arguments'),
        'argsMeta?': { ...dictionary(true), nullable: true },
        'note?': text(),
      }),
      responses: { 200: entry('The entry as it is now'), 400: BAD_BODY, 404: UNKNOWN, 409: CONFLICT },
    },
  },
};

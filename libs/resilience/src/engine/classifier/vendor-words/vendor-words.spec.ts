import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from '@jest/globals';

import { classifyError } from '../classify-error.js';
import { VENDOR_WORDS, type VendorWords } from './index.js';

const PAGE = fileURLToPath(new URL('../../../../../../docs/vendor-words.md', import.meta.url));

const error = (message: string, fields: object = {}) => Object.assign(new Error(message), fields);

/** As the packages of the AI SDK throw it. */
function apiCallError([statusCode, body]: VendorWords['example']): Error {
  const [responseBody, data] = typeof body === 'string' ? [body, undefined] : [JSON.stringify(body), body];
  if (statusCode < 300) {
    const cause = error('Type validation failed', { name: 'AI_TypeValidationError', value: body });
    return error('Invalid JSON response', { name: 'AI_APICallError', statusCode, responseBody, cause });
  }
  const message = /"(?:message|error|detail)":"([^"]+)"/.exec(responseBody)?.[1] ?? 'Bad Request';
  return error(message, { name: 'AI_APICallError', statusCode, responseBody, data, isRetryable: false });
}

/** As `openai` and `@anthropic-ai/sdk` throw it. */
function clientError([status, body]: VendorWords['example']): Error {
  const inner = typeof body === 'object' ? ((body as { error?: unknown }).error ?? body) : body;
  return error(`${status} ${JSON.stringify(body)}`, { status, error: inner });
}

/** What an upstream said, as an error event inside a stream carries it: no status, no name. */
const inStream = ([, body]: VendorWords['example']): unknown => body;

const rowsOf = (wanted: (row: VendorWords) => boolean) =>
  VENDOR_WORDS.filter(wanted).map((row) => [row.vendor, row.reason, row] as const);

describe('what vendors of models say', () => {
  it.each(rowsOf(() => true))('%s means %s, however the answer is thrown', (_vendor, reason, { example }) => {
    const thrown = [apiCallError(example), clientError(example)];

    expect(thrown.map((one) => classifyError(one).reason)).toEqual([reason, reason]);
  });

  it.each(rowsOf(({ says, only }) => says !== undefined && only === undefined))(
    '%s means %s as a mere message',
    (_vendor, reason, { says, example }) => {
      const text = JSON.stringify(example[1]);

      expect(text.toLowerCase()).toMatch(says as RegExp);
      expect([classifyError(new Error(text)).reason, classifyError(text).reason]).toEqual([reason, reason]);
    },
  );

  it.each(rowsOf(({ codes, example }) => codes !== undefined && typeof example[1] === 'object'))(
    '%s means %s by each of its codes, at any status and inside a stream',
    (_vendor, reason, { codes = '' }) => {
      const each = codes.trim().split(/\s+/);

      const found = each.flatMap((code) => [
        classifyError(error('no', { statusCode: 418, data: { error: { code, message: 'no' } } })).reason,
        classifyError(inStream([200, { error: { type: code.toUpperCase(), message: 'no' } }])).reason,
      ]);

      expect(found).toEqual(each.flatMap(() => [reason, reason]));
    },
  );

  it('names each code once', () => {
    const codes = VENDOR_WORDS.flatMap((row) => row.codes?.trim().split(/\s+/) ?? []);

    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([]);
  });

  it('has a source for every row', () => {
    for (const { source } of VENDOR_WORDS) expect(source).toMatch(/^https:\/\/\S+$/);
  });
});

/** What these words must not be taken from: other systems use the same ones. */
describe('what other systems say', () => {
  const MODELS = ['context_length', 'content_policy', 'quota'];
  const at = (status: number, message: string, code?: string) => error(message, { status, error: { message, code } });
  const pg = (code: string, message: string) =>
    error(message, { name: 'error', code, severity: 'ERROR', routine: 'r' });

  it.each<[string, unknown]>([
    ['a text too long for its column', pg('22001', 'value too long for type character varying(255)')],
    ['a token that does not parse', pg('22P02', 'invalid input syntax for type json: Token "context" is invalid')],
    ['a statement too complex', pg('54001', 'stack depth limit exceeded')],
    ['a full disk', pg('53100', 'could not extend file: disk quota exceeded')],
    ['a quota of the file system', error('write failed: Disk quota exceeded')],
    ['a card without money', at(402, 'Your card has insufficient funds.', 'card_declined')],
    ['a refused card', at(402, 'Your card was declined.', 'card_declined')],
    ['a refused card, as Stripe’s client throws it', error('Your card has insufficient funds.', {
      type: 'StripeCardError', rawType: 'card_error', code: 'card_declined', statusCode: 402 })], // prettier-ignore
    ['a refused card in mere words', error('Your card has insufficient funds.')],
    ['a transfer that is not covered', at(400, 'Insufficient balance on account 12')],
    ['a bill', at(400, 'billing address is required')],
    ['a bill, in mere words', error('billing address is invalid')],
    ['a flagged payment', at(403, 'Transaction 12 was flagged for review')],
    ['a flagged account', error('account flagged')],
    ['a form', at(422, 'name is too long (maximum is 255 characters)')],
    ['a form that says input', at(400, 'Input is too long, at most 100 characters')],
    ['device tokens', at(400, 'tokens list must not contain more than 500 items')],
    ['a security policy', at(403, 'Blocked by the content security policy of the host')],
    ['a foreign key', at(409, 'update violates foreign key constraint "model_fk"')],
    ['a car', at(400, 'model year must be a number')],
    ['an ORM', error('The model User has no field context')],
  ])('%s says nothing of models', (_what, thrown) => {
    expect(MODELS).not.toContain(classifyError(thrown).reason);
  });

  it.each<[string, unknown]>([
    [
      'a parameter',
      at(400, "Unsupported parameter: 'max_tokens' is not supported with this model.", 'unsupported_parameter'),
    ],
    ['a value', at(400, "Unsupported value: 'temperature' does not support 0.2 with this model.", 'unsupported_value')],
    ['a form of answers', at(400, "'response_format' of type 'json_schema' is not supported with this model.")],
    ['too many words at once', at(400, 'max_tokens is too large: 32000. This model supports at most 16384 tokens')],
  ])('%s that a model lacks is a bad request: neither is the model gone, nor the text too long', (_what, thrown) => {
    expect(classifyError(thrown).reason).toBe('bad_request');
  });
});

describe('docs/vendor-words.md', () => {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const where = ({ codes, says, also, only }: VendorWords) =>
    [
      codes && `code ${codes.trim().split(/\s+/).map((code) => `\`${code}\``).join(', ')}`,
      says && `text at ${only?.join(', ') ?? ['400, 403, 404, ..., or no status', ...(also ?? [])].join(', ')}`,
    ].filter(Boolean).join('; '); // prettier-ignore
  const cellsOf = (row: VendorWords) => [
    `\`${row.reason}\``,
    row.vendor,
    cell(where(row)),
    `${row.example[0]} \`${cell(textOf(row.example[1]))}\``,
    `<${row.source}>`,
  ];
  const textOf = (body: string | object) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (/"(?:message|error_msg|status_msg|detail|error)":"([^"]+)"/.exec(text)?.[1] ?? text).replaceAll('`', "'");
  };
  const HEAD = ['reason', 'vendor', 'where it is looked for', 'an example', 'source'];
  const lines = [HEAD, HEAD.map(() => '-'), ...VENDOR_WORDS.map(cellsOf)];
  const widths = HEAD.map((_head, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const table = lines.map((cells) =>
    `| ${cells.map((text, column) => (text === '-' ? '-'.repeat(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0))).join(' | ')} |`); // prettier-ignore
  const page = `# Vendor words

What [\`classifyError\`](error-classification.md) knows of the words of vendors of models: one row for each thing that one of them is known to
say, with an answer that says it and where that was found. A code is believed before the status beside it; a text is looked at where the
status means several things, and where there is none. Rows of "anybody" come last and hold only at the statuses named.

This page is written from the table: \`UPDATE_DOCS=1 npm test -- vendor-words\`.

${table.join('\n')}
`;

  it('says what the table says', () => {
    if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, page);

    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});

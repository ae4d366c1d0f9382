import fc from 'fast-check';

/** Percent-encoded already: as they stand in a path or a query. */
const PIECES = [
  '',
  '%00',
  '%zz',
  '%',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e',
  '%ED%A0%80',
  '%F0%9F%92%A5',
  '__proto__',
  'constructor',
  "x'%20or%201=1--",
  '%22%3E%3Cscript%3E',
  '{{$eval(1)}}',
  '-1',
  '1e309',
  'NaN',
  '9'.repeat(400),
  'a'.repeat(3000),
  '%0d%0aset-cookie:%20a=b',
  'null',
  'true,false',
  '[]',
];

/** One part of a path, or the value of a parameter. */
export const hostilePiece = fc.oneof(
  fc.constantFrom(...PIECES),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => encodeURIComponent(text)),
);

const DEEP = 20_000;

/** Bodies that are no JSON, or JSON that nobody sends by accident. */
export const hostileBody = fc.oneof(
  fc.constantFrom(
    '',
    '{',
    '[',
    'null',
    '0',
    '"',
    '\uFEFF{}',
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"a":1}}}',
    '{"text":"\\ud800"}',
    '{"text":"\\u0000"}',
    `{"text":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`,
    '{"a":'.repeat(DEEP),
    `[${'1e999,'.repeat(500)}1]`,
    `{${Array.from({ length: 2000 }, (_, index) => `"k${index}":0`).join()}}`,
    `{"filter":{"queue":{"$ne":1}},"limit":"9"}`,
    `{"text":"${'x'.repeat(150_000)}"}`,
    `{"receipts":[${'{},'.repeat(1001)}{}]}`,
    `${'{"id":1}\n'.repeat(300)}`,
  ),
  fc.json({ maxDepth: 6 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

export const hostileHeaders: fc.Arbitrary<Record<string, string>> = fc.oneof(
  fc.constant({}),
  fc.constantFrom<Record<string, string>>(
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json; charset=utf-7' },
    { 'content-type': 'application/x-ndjson' },
    { 'content-type': 'multipart/form-data' },
    { 'content-type': '' },
    { 'content-encoding': 'gzip' },
    { 'content-encoding': 'nonsense' },
    { accept: 'image/png' },
    { traceparent: '00-zz-1-2' },
    { 'idempotency-key': 'k'.repeat(2000) },
    { 'idempotency-key': ' ' },
    { 'last-event-id': '999999999999999999999' },
    { 'x-forwarded-for': "1.1.1.1, ' or 1=1" },
    { authorization: 'Bearer' },
    { authorization: 'Basic YTpi' },
    { expect: '200-ok' },
  ),
);

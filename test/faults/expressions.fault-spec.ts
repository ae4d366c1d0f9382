import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { requireBuilt } from './built.js';
import { type ServiceProcess, startService } from './service-process.js';
import { costOf } from './silence.js';

const ROUNDS = Number(process.env['EXPRESSION_ROUNDS'] ?? 1);
/** Milliseconds that the event loop may answer nobody. The goal is 200, which other processes that share its caches put out of reach. */
const SILENCE = 400;
const TOKEN = 'a-token-for-the-faults';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => (i * 7_919) % 90_001);
const objects = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ k: i % 10 }));
const searched = 'aaaaaaaaaaaaaaaaaaaaaaaa '.repeat(160);

/** Name, expression, input, and what the node comes to when it must not fail. */
const EXPRESSIONS: readonly (readonly [string, string, object, unknown?])[] = [
  ['sorts 10,000 numbers', '$count($sort(input.l))', { l: numbers(10_000) }, 10_000],
  ['sorts 90,000 numbers', '$sort(input.l)[0]', { l: numbers(90_000) }, 0],
  ['orders 20,000 numbers', '$count(input.l^($))', { l: numbers(20_000) }],
  ['spreads 50,000 objects', '$count($spread(input.l))', { l: objects(50_000) }, 50_000],
  ['matches with many searches', '$count($match(input.t, /x|(a+)+b/))', { t: searched }],
  ['replaces with many searches', '$replace(input.t, /x|(a+)+b/, "y")', { t: searched }],
  ['splits with many searches', '$count($split(input.t, /x|(a+)+b/))', { t: searched }],
  ['contains with many searches', '$contains(input.t, /x|(a+)+b/)', { t: searched }],
  ['searches 90,000 texts', '$count(input.l[$contains($string($), /(1|11)+2/)])', { l: numbers(90_000) }],
  ['maps a long list', '$count($map(input.l, function($x) { $x + 1 }))', { l: numbers(90_000) }],
  ['reduces a long list', '$reduce(input.l, function($a, $b) { $a + $b })', { l: numbers(90_000) }],
  ['filters a long list', '$count($filter(input.l, function($x) { $x > 5 }))', { l: numbers(90_000) }],
  ['finds what is distinct', '$count($distinct(input.l))', { l: numbers(90_000) }, 90_000],
  ['merges', '$count($merge(input.l))', { l: objects(50_000) }, 1],
  ['zips', '$count($zip(input.l, input.l))', { l: numbers(90_000) }, 90_000],
  ['groups', 'input.l{$string(k): $count(k)}', { l: objects(50_000) }],
  ['joins', '$length($join(input.l.$string($)))', { l: numbers(90_000) }],
  ['looks each up', '$count($lookup(input.l, "k"))', { l: objects(50_000) }, 50_000],
  ['sifts many keys', '$count($keys($sift(input.o, function($v) { $v })))', { o: { ...numbers(50_000) } }],
  ['each of many keys', '$count($each(input.o, function($v) { $v }))', { o: { ...numbers(50_000) } }],
  ['takes all below', '$count(input.**)', { l: objects(50_000) }],
  ['takes all of each', '$count(input.l.*)', { l: objects(50_000) }],
  ['multiplies lists', '$count(input.l.($x := $; $$.input.l.($x)))', { l: numbers(20_000) }],
  ['compares each with each', '$count(input.l[$ in $$.input.l])', { l: numbers(90_000) }],
  ['filters within filters', '$count(input.l[$$.input.l[$$.input.l[$ = 1]]])', { l: numbers(5_000) }],
  ['doubles a text', '$reduce([1..27], function($a, $b) { $a & $a }, "0123456789")', {}],
  ['keeps doubled texts', '$map([1..300], function($i) { $base64encode(input.t) })', { t: 'ä'.repeat(400_000) }],
  ['encodes what grows', '$map([1..300], function($i) { $encodeUrlComponent(input.t) })', { t: 'ä'.repeat(400_000) }],
  ['keeps long lists', '$count($map([1..3000], function($i) { [1..100000] }))', {}],
  ['writes a list of long texts', '$string($map([1..2000], function($i) { input.t }))', { t: 'x'.repeat(900_000) }],
  ['joins long texts', '$length($join($map([1..2000], function($i) { input.t })))', { t: 'x'.repeat(900_000) }],
  ['splits into letters', '$map([1..300], function($i) { $split(input.t, "") })', { t: 'x'.repeat(900_000) }],
  ['calls itself for ever', '($f := function($n) { $f($n + 1) }; $f(1))', {}],
  ['calls itself deeper', '($f := function($n) { 1 + $f($n + 1) }; $f(1))', {}],
  ['calls itself twice', '($f := function($n) { $f($n + 1) + $f($n + 1) }; $f(1))', {}],
  ['writes a wide number', '$formatNumber(1, $join([1..20000].("#")))', {}],
  ['pads', '$pad("x", 1000000000)', {}],
];

const DEEP = (levels: number): unknown => (levels === 0 ? 1 : { a: DEEP(levels - 1) });

/** Name, schema, input, and whether it is to be accepted. */
const SCHEMAS: readonly (readonly [string, object, unknown, boolean])[] = [
  ['a pattern', { properties: { t: { type: 'string', pattern: '^(a+)+$' } } }, { t: `${'a'.repeat(27)}!` }, false],
  ['a long pattern', { properties: { t: { pattern: '^(.*a){12}$' } } }, { t: 'a'.repeat(60) + 'b' }, false],
  [
    'a pattern for many texts',
    { properties: { l: { items: { pattern: '^(a|aa)+$' } } } },
    { l: Array.from({ length: 5_000 }, () => `${'a'.repeat(24)}!`) },
    false,
  ],
  [
    'patterns of names',
    { patternProperties: { '^(a+)+$': { type: 'number' } } },
    { [`${'a'.repeat(40)}!`]: 'x' },
    false,
  ],
  ['unique items', { properties: { l: { uniqueItems: true } } }, { l: objects(60_000).map((_, i) => ({ i })) }, false],
  [
    'references that branch',
    {
      $ref: '#/$defs/n',
      $defs: {
        n: {
          anyOf: [
            { properties: { a: { $ref: '#/$defs/n' }, x: false } },
            { properties: { a: { $ref: '#/$defs/n' }, y: false } },
            { type: 'string' },
          ],
          not: { const: 1 },
        },
      },
    },
    DEEP(60),
    false,
  ],
  [
    'unknown fields by the thousand',
    { additionalProperties: false, properties: { a: {} } },
    Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [`f${i}`, 1])),
    false,
  ],
  ['a harmless pattern', { properties: { t: { pattern: '^[a-z]+@[a-z]+$' } } }, { t: 'a@b' }, true],
];

const shipped = (name: string): string => readFileSync(join(ROOT, `workflows/${name}.yaml`), 'utf8');

let directory: string;
let service: ServiceProcess;

beforeAll(async () => {
  requireBuilt('resilience', 'llm', 'store-sql', 'workflow');
  directory = mkdtempSync(join(tmpdir(), 'expressions-'));
  mkdirSync(join(directory, 'workflows'));
  const write = (name: string, content: object): void =>
    writeFileSync(join(directory, 'workflows', `${name}.json`), JSON.stringify({ name, ...content }));
  EXPRESSIONS.forEach(([, transform], i) => write(`expression-${i}`, { nodes: { compute: { transform } } }));
  SCHEMAS.forEach(([, input], i) => write(`schema-${i}`, { input, nodes: { a: { constant: 1 } } }));
  writeFileSync(join(directory, 'workflows/receipt-extraction.yaml'), shipped('receipt-extraction'));
  writeFileSync(join(directory, 'workflows/document-analysis.yaml'), shipped('document-analysis'));
  service = await startService({
    ADMIN_TOKEN: TOKEN,
    DATA_DIR: directory,
    WORKFLOWS_DIR: join(directory, 'workflows'),
    NODE_OPTIONS: '--max-old-space-size=384',
  });
});

afterEach(() => {
  expect(service.child.exitCode).toBeNull();
  expect(service.child.signalCode).toBeNull();
});

afterAll(async () => {
  service.child.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  rmSync(directory, { recursive: true, force: true });
});

interface Outcome {
  readonly status: number;
  readonly body: { readonly status?: string; readonly output?: unknown; readonly error?: { readonly message: string } };
  readonly ms: number;
  readonly silentMs: number;
}

/** Submits and waits for the end, while somebody else asks all the time whether the process lives. */
async function submit(workflow: string, input: unknown): Promise<Outcome> {
  const body = JSON.stringify(input);
  const { result, silentMs, tookMs } = await costOf(
    { pid: service.child.pid!, url: `${service.url}/health/live` },
    async () => {
      const response = await fetch(`${service.url}/workflows/${workflow}/executions?wait=60s`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body,
      });
      return { status: response.status, body: (await response.json()) as Outcome['body'] };
    },
  );
  return { ...result, ms: tookMs, silentMs };
}

function print(name: string, { status, body, ms, silentMs }: Outcome): void {
  const how = body.status ?? status;
  process.stdout.write(
    `${name.padEnd(34)} ${String(Math.round(ms)).padStart(6)} ms, silent ${String(Math.round(silentMs)).padStart(4)} ms, ${how}` +
      `${body.error ? `: ${body.error.message.slice(-150)}` : ''}\n`,
  );
}

describe(`expressions that cost more than anybody has, ${ROUNDS} times each`, () => {
  it.each(EXPRESSIONS.map((one, index) => [one[0], index] as const))('%s', async (name, index) => {
    const [, , input, expected] = EXPRESSIONS[index]!;
    for (let round = 0; round < ROUNDS; round++) {
      const outcome = await submit(`expression-${index}`, input);

      print(name, outcome);
      expect(outcome.silentMs).toBeLessThan(SILENCE);
      expect(outcome.status).toBe(200);
      if (expected !== undefined) expect(outcome.body.output).toEqual({ compute: expected });
      if (outcome.body.status === 'failed')
        expect(outcome.body).toMatchObject({
          workflow: `expression-${index}`,
          error: { node: 'compute', message: expect.stringMatching(/^the expression '.*' failed: /s) },
        });
      else expect(outcome.body.status).toBe('succeeded');
    }
  });
});

describe('input schemas that cost more than anybody has', () => {
  it.each(SCHEMAS.map((one, index) => [one[0], index] as const))('%s', async (name, index) => {
    const [, , input, accepted] = SCHEMAS[index]!;
    for (let round = 0; round < ROUNDS; round++) {
      const outcome = await submit(`schema-${index}`, input);

      print(name, outcome);
      expect(outcome.silentMs).toBeLessThan(SILENCE);
      expect(outcome.status).toBe(accepted ? 200 : 400);
    }
  });
});

describe('shipped workflows, given what nobody scans', () => {
  it.each([
    ['receipts of newlines', 'receipt-extraction', { receipts: receipts(25, '\n'.repeat(20_000)) }],
    ['receipts of white space', 'receipt-extraction', { receipts: receipts(25, ' \n\t'.repeat(6_600)) }],
    ['two hundred receipts', 'receipt-extraction', { receipts: receipts(200, 'TOTAL '.repeat(100)) }],
    ['a document of one letter words', 'document-analysis', { text: 'a '.repeat(50_000) }],
    ['a document of one word', 'document-analysis', { text: 'a'.repeat(100_000) }],
    ['a document without spaces', 'document-analysis', { text: '我喜欢吃苹果和香蕉'.repeat(11_000) }],
  ])('%s', async (name, workflow, input) => {
    const outcome = await submit(workflow, input);

    print(name, outcome);
    expect(outcome.silentMs).toBeLessThan(SILENCE);
    expect([200, 202]).toContain(outcome.status);
  });
});

function receipts(count: number, text: string): object[] {
  return Array.from({ length: count }, (_, i) => ({ id: `r${i}`, text }));
}

import { describe, expect, it } from '@jest/globals';
import { checkWorkflow } from '../../graph/build.js';
import { describeProblem } from '../../graph/errors.js';
import { WORKFLOW_FILE_LIMITS } from './file-limits.js';
import { parseWorkflow } from './parse-workflow.js';

/** All problems, as a person reads them. Never throws. */
function problemsOf(text: string): string {
  const { draft, problems } = parseWorkflow(text, 'w.yaml');
  return [...problems, ...(draft ? checkWorkflow(draft).problems : [])].map(describeProblem).join('\n');
}

const range = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(', ');
const lines = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join('\n');
const node = (body: string): string => `name: x\nnodes:\n  a:\n    ${body}\n`;
const bomb = (levels: number, width = 9): string =>
  Array.from(
    { length: levels },
    (_, i) =>
      `b${i}: &b${i} [${Array(width)
        .fill(i === 0 ? '"x"' : `*b${i - 1}`)
        .join(',')}]`,
  ).join('\n');

describe('a hostile workflow file', () => {
  it('refuses a bomb of aliases at the alias that goes off, and says what to do', () => {
    expect(problemsOf(`name: x\n${bomb(12)}\n`)).toMatch(
      /^w\.yaml:8:\d+: .*the alias \*b\d unfolds into \d+ values; at most 100000 are allowed, write out what is needed$/,
    );
  });

  it('takes aliases that stay small', () => {
    const { problems } = parseWorkflow(
      'name: x\nnodes:\n  a: { constant: &c [1, 2] }\n  b: { constant: *c }\n',
      'w.yaml',
    );

    expect(problems).toEqual([]);
  });

  it('refuses an alias within what it stands for', () => {
    expect(problemsOf('name: x\nnodes:\n  a: { constant: &a [1, *a] }\n')).toMatch(
      /w\.yaml:3:\d+: .*the alias \*a unfolds without end/,
    );
  });

  it.each([
    ['lists', '['.repeat(50_000)],
    ['maps', '{a: '.repeat(50_000)],
    ['list items', '- '.repeat(50_000)],
    ['keys', '? '.repeat(50_000)],
    ['lists in a node', `constant: ${'['.repeat(5_000)}${']'.repeat(5_000)}`],
  ])('refuses nesting of %s without following it', (_, text) => {
    expect(problemsOf(node(text))).toMatch(/^w\.yaml:4:\d+: .*nested deeper than 100 levels here; make it flatter/);
  });

  it('refuses a key that is no name', () => {
    expect(problemsOf('name: x\nnodes:\n  ? [a, b]\n  : { constant: 1 }\n')).toMatch(
      /w\.yaml:3:5: .*a key must be a name/,
    );
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'input', 'errors', 'heal'])(
    'does not take %s for the name of a node',
    (name) => {
      expect(problemsOf(`name: x\nnodes:\n  ${name}: { constant: 1 }\n`)).toMatch(
        /w\.yaml:3:3: .*reserved; choose another/,
      );
      expect(({} as Record<string, unknown>)['constant']).toBeUndefined();
    },
  );

  it.each([
    [
      'in the file',
      'name: x\n__proto__: { polluted: true }\nnodes: { a: { constant: 1 } }\n',
      /w\.yaml:2:1: .*'__proto__' is not known here/,
    ],
    [
      'in a node',
      node('constant: 1\n    __proto__: { optional: true }'),
      /w\.yaml:5:5: .*'__proto__' is not known here/,
    ],
    [
      'in a policy',
      node('constant: 1\n    retry: { __proto__: { maxRetries: 9 } }'),
      /w\.yaml:5:14: .*retry > __proto__: expected no such option; known: maxRetries/,
    ],
    ['as a merge', node('constant: 1\n    <<: { optional: true }'), /w\.yaml:5:5: .*'<<' is not known here/],
    [
      'as a remedy',
      node('constant: 1\n    heal: { diagnose: a, remedies: { __proto__: nothing } }'),
      /heals with 'nothing'/,
    ],
  ])('keeps prototype keys %s as data, and refuses them', (_, text, expected) => {
    expect(problemsOf(text)).toMatch(expected);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['a function', node('constant: !!js/function "function () {}"')],
    ['a regular expression', node('constant: !!js/regexp /x/')],
    ['a Python object', node('constant: !!python/object/apply:os.system ["id"]')],
    ['an unknown thing', node('constant: !thing {}')],
  ])('makes no object of a tag for %s', (_, text) => {
    expect(problemsOf(text)).toMatch(/^w\.yaml:4:\d+: .*tag/i);
  });

  it.each([
    ['too many bytes', `# ${'x'.repeat(WORKFLOW_FILE_LIMITS.bytes)}`, /larger than 1048576 bytes/],
    [
      'too many nodes',
      `name: x\nnodes:\n${Array.from({ length: 1_001 }, (_, i) => `  n${i}: { constant: 1 }`).join('\n')}`,
      /w\.yaml:2:1: .*has 1001 nodes; at most 1000/,
    ],
    ['too many values', node(`constant: [${'0,'.repeat(100_001)}]`), /holds \d+ values; at most 100000/],
    [
      'an expression that is too long',
      node(`transform: '${'1 + '.repeat(6_000)}1'`),
      /w\.yaml:4:5: .*longer than 20000 characters/,
    ],
    [
      'a name that is too long',
      `name: ${'x'.repeat(101)}\nnodes: { a: { constant: 1 } }`,
      /w\.yaml:1:1: .*'name' must be letters, digits/,
    ],
    [
      'a mapping that is too deep',
      node(`input: ${'{a: '.repeat(40)}1${'}'.repeat(40)}\n    constant: 1`),
      /w\.yaml:4:5: .*nested 32 levels deep/,
    ],
  ])('refuses %s', (_, text, expected) => {
    expect(problemsOf(text)).toMatch(expected);
  });

  it.each([
    [
      '30,000 nodes',
      lines(30_000, (i) => `  n${i}: { constant: 1 }`),
      /^w\.yaml:2:1: x: has 30000 nodes; at most 1000/,
    ],
    [
      'edges that all lead back',
      lines(1_000, (i) => `  n${i}: { constant: 1, after: [${range(95, (j) => `n${(i + j * 10) % 1_000}`)}] }`),
      /waits for itself: n0 -> n0/,
    ],
    [
      'edges to nowhere',
      lines(1_000, (i) => `  n${i}: { constant: 1, after: [${range(95, (j) => `m${i * 95 + j}`)}] }`),
      /waits for 'm0', which is no node/,
    ],
    [
      'the name of a novel',
      `${lines(900, (i) => `  ${'b'.repeat(80)}${i}: { constant: 1 }`)}\n  a: { constant: 1, after: [${'a'.repeat(800_000)}] }`,
      /waits for 'aaa/,
    ],
    [
      'wrong keys everywhere',
      lines(900, (i) => `  n${i}: { constant: 1, ${range(60, (j) => `k${j}: 1`)} }`),
      /'k0' is not known here/,
    ],
  ])('refuses %s with few words', (_, nodes, expected) => {
    const problems = problemsOf(`name: x\nnodes:\n${nodes}\n`);

    expect(problems).toMatch(expected);
    expect(problems.split('\n').length).toBeLessThanOrEqual(200);
  });

  it('takes as many nodes and edges as are allowed', () => {
    const nodes = lines(
      1_000,
      (i) => `  n${i}: { constant: 1, after: [${range(Math.min(i, 90), (j) => `n${i - 1 - j}`)}] }`,
    );

    expect(problemsOf(`name: x\nnodes:\n${nodes}\n`)).toBe('');
  });

  it('reports a key written twice in a map of thousands without comparing each with each', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `    k${i}: 1`).join('\n');

    expect(problemsOf(`name: x\nnodes:\n  a:\n   constant:\n${keys}\n    k7: 2\n`)).toMatch(
      /^w\.yaml:20005:5: .*Map keys must be unique; 'k7' is written twice$/,
    );
  });

  it.each([
    ['a file', 'file:///etc/passwd', /w\.yaml:4:13: .*must start with http:\/\/ or https:\/\//],
    ['a scheme of its own', 'javascript:alert(1)', /must start with http/],
    ['a password', 'https://user:pass@example.com/', /must not hold a user or password/],
  ])('refuses an http node that leads to %s before anything runs', (_, url, expected) => {
    expect(problemsOf(node(`http: { url: '${url}' }`))).toMatch(expected);
  });

  it.each([
    ['Host', /'Host' is made by the connection itself/],
    ['Content-Length', /made by the connection itself/],
    ['Transfer-Encoding', /made by the connection itself/],
    ['bad name', /'bad name' is no name of a header/],
  ])('refuses an http node that sets the header %s', (name, expected) => {
    expect(problemsOf(node(`http: { url: 'https://example.com', headers: { '${name}': x } }`))).toMatch(expected);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { checkWorkflow } from '../../graph/build.js';
import type { NodeSettings } from '../../graph/draft.js';
import { describeProblem } from '../../graph/errors.js';
import { workflow } from '../builder/workflow.builder.js';
import { parseWorkflow } from './parse-workflow.js';
import { WORKFLOW_FILE_SCHEMA } from './workflow.schema.js';

const TRIAGE = `name: inbox-triage
description: Sorts mail
input:
  type: object
  required: [raw]
  properties: { raw: { type: string } }
deadline: 2m
nodes:
  parse:
    call: MailParser.parse
    input: { raw: $.input.raw }
  classify:
    after: parse
    llm:
      system: You sort mail.
      prompt: |
        Classify {{ parse.subject }}
      schema: { type: object }
    retry: { maxRetries: 2, baseDelay: 100ms, retryOn: [rate_limit, transient] }
    circuitBreaker: { failureThreshold: 3 }
    timeout: 30s
    fallback: [guess]
  guess:
    transform: '{ "category": $contains(parse.subject, "win") ? "spam" : "ham" }'
  tags:
    after: parse
    each: { items: $.parse.words, as: word, concurrency: 2, partial: true, transform: '$uppercase(word)' }
  reply:
    after: [classify, tags]
    when: classify.category != "spam"
    call: Replies.draft
    optional: true
    deadLetter: true
output:
  category: $.classify.category
`;

function problemsOf(text: string): string[] {
  const { draft, problems } = parseWorkflow(text, 'w.yaml');
  return [...problems, ...(draft ? checkWorkflow(draft).problems : [])].map(describeProblem);
}

const withPolicy = (policy: string) =>
  `name: x\nnodes:\n  a:\n    ${policy}\n    constant: 1\n  why: { constant: other }\n`;
const inCode = (policy: string) => () =>
  workflow('x')
    .node('why', { constant: 'other' })
    .node('a', { ...(parse(policy) as NodeSettings), constant: 1 })
    .build();

describe('a workflow file', () => {
  it('becomes the same draft that any other form makes', () => {
    const { draft, problems } = parseWorkflow(TRIAGE, 'triage.yaml');

    expect(problems).toEqual([]);
    const { definition, problems: graph } = checkWorkflow(draft!);
    expect(graph).toEqual([]);
    expect(definition).toMatchObject({
      name: 'inbox-triage',
      deadlineMs: 120_000,
      order: ['parse', 'classify', 'tags', 'reply'],
    });
    expect(definition?.nodes.get('classify')).toMatchObject({
      fallback: ['guess'],
      policies: { options: { timeout: '30s', circuitBreaker: { failureThreshold: 3 } } },
    });
    expect(definition?.nodes.get('tags')?.action).toMatchObject({
      type: 'each',
      as: 'word',
      concurrency: 2,
      partial: true,
    });
  });

  it('reads JSON too', () => {
    const { draft } = parseWorkflow('{ "name": "one", "nodes": { "a": { "constant": 1 } } }', 'one.json');

    expect(draft?.nodes).toEqual([{ name: 'a', action: { type: 'constant', value: 1 } }]);
  });

  it('names line and column of every mistake in shape and graph at once', () => {
    const text = `name: broken
nodes:
  a:
    call: X.y
    retrys: 3
  b:
    after: [aa]
    transform: '$.a.('
  c:
    llm: { prompt: hi }
    call: X.y
  d:
    http: { url: 'ftp://example.com', retries: 2 }
  e:
    after: b
`;

    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /^w\.yaml:5:5: broken > a: 'retrys' is not known here \(did you mean 'retry'\?\); known: description, after/,
      ),
      'w.yaml:9:3: broken > c: needs exactly one of llm, http, call, transform, constant, each',
      "w.yaml:13:39: broken > d: 'retries' is not known here; known: url, method, headers, query, body, accept, maxBytes",
      'w.yaml:14:3: broken > e: needs exactly one of llm, http, call, transform, constant, each',
      "w.yaml:7:5: broken > b: waits for 'aa', which is no node of this workflow (did you mean 'a'?)",
      expect.stringMatching(/^w\.yaml:8:5: broken > b: cannot read the expression/),
    ]);
  });

  it.each([
    ['broken syntax', 'name: x\nnodes: {a: [\n', /^w\.yaml:\d+:\d+: /],
    ['a key written twice', 'name: x\nnodes:\n  a: { constant: 1 }\n  a: { constant: 2 }\n', /^w\.yaml:4:3: .*unique/],
    ['an empty file', '', /must be object/],
    ['a list', '- a', /must be object/],
    ['two documents', 'name: x\n---\nname: y\n', /w\.yaml/],
    ['no nodes', 'name: x\nnodes: {}\n', /w\.yaml:2:1: x: 'nodes' must NOT have fewer than 1 properties/],
    ['a missing name', 'nodes: { a: { constant: 1 } }', /'name' is missing/],
    [
      'a wrong type',
      'name: x\nnodes:\n  a: { constant: 1, optional: maybe }\n',
      /w\.yaml:3:21: x > a: 'optional' must be boolean/,
    ],
    ['a reserved node name', 'name: x\nnodes:\n  __proto__: { constant: 1 }\n', /reserved/],
    ['a tag that would make objects', 'name: x\nnodes:\n  a: { constant: !!js/function "x" }\n', /tag/i],
    [
      'an unknown policy word',
      'name: x\nnodes:\n  a: { constant: 1, retry: { strategy: sometimes } }\n',
      /w\.yaml:3:30: x > a: retry > strategy: expected one of 'exponential', 'linear'/,
    ],
  ])('refuses %s', (_, text, expected) => {
    expect(problemsOf(text).join('\n')).toMatch(expected);
  });

  it.each([
    ['a number as window', 'circuitBreaker: { window: 20 }'],
    ['all defaults', 'circuitBreaker: true'],
    ['limits of a stream', 'timeout: { firstItem: 1s, idle: 1s }'],
    ['a budget of its own', 'retry: { budget: { min: 9 } }'],
    ['no budget', 'retry: { budget: false, retryOn: [timeout], abortOn: TypeError }'],
    ['a key', 'rateLimit: { limit: 5, interval: 1s, key: $.input.tenant, maxKeys: 5 }'],
    ['a remedy for any issue', 'heal: { diagnose: why, otherwise: why, rounds: 2 }'],
  ])('takes options as a workflow in code does: %s', (_, policy) => {
    expect(problemsOf(withPolicy(policy))).toEqual([]);
    expect(inCode(policy)).not.toThrow();
  });

  it.each([
    [
      'a policy wrong by its value',
      'retry: { budget: banana }',
      '4:14',
      'retry > budget: expected an options object with ratio, min',
    ],
    [
      'a policy wrong inside',
      'retry: { budget: { ratio: 2 } }',
      '4:24',
      'retry > budget > ratio: expected a number from 0 to 1',
    ],
    ['a bare value', 'bulkhead: 0', '4:5', 'bulkhead > maxConcurrent: expected a whole number >= 1'],
    [
      'a window',
      'circuitBreaker: { window: consecutiv }',
      '4:23',
      "circuitBreaker > window: expected one of 'count', 'consecutive' (did you mean 'consecutive'?)",
    ],
    ['what only code can have', 'retry: { retryOnResult: $.ok }', '4:14', 'retry > retryOnResult: expected a function'],
    ['errors', 'retry: { retryOn: 5 }', '4:14', "or words such as 'rate_limit' or 'TypeError'"],
    ['a wrong key', 'cache: { ttl: 1s, key: 5 }', '4:23', 'cache > key: expected a function, or a JSONata expression'],
    [
      'an option without its other one',
      'rateLimit: { limit: 5, interval: 1s, maxKeys: 5 }',
      '4:42',
      'nothing without key',
    ],
    [
      'a diagnosis without a remedy',
      'heal: { diagnose: why }',
      '4:5',
      'heal > remedies: expected one at least, or otherwise',
    ],
    ['too many rounds', 'heal: { diagnose: why, otherwise: why, rounds: 11 }', '4:44', 'must be <= 10'],
  ])('refuses options as a workflow in code does, and says where: %s', (_, policy, place, message) => {
    const problems = problemsOf(withPolicy(policy));

    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(problems[0]).toContain(`w.yaml:${place}: x > a: `);
    expect(inCode(policy)).toThrow();
  });

  it('names so many unknown options that everybody has seen enough', () => {
    const names = Array.from({ length: 50_000 }, (_, index) => `      retry${index}: 1`);

    expect(problemsOf(`name: x\nnodes:\n  a:\n    constant: 1\n    retry:\n${names.join('\n')}\n`)).toHaveLength(100);
  });

  it('refuses a bomb of anchors instead of unfolding it', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `b${i}: &b${i} [${Array(9)
          .fill(i === 0 ? '"x"' : `*b${i - 1}`)
          .join(',')}]`,
    );

    expect(problemsOf(`name: x\n${levels.join('\n')}\n`).join()).toMatch(
      /^w\.yaml:\d+:\d+: .*the alias \*b\d unfolds into \d+ values/,
    );
  });

  it('refuses a file that is too large without parsing it', () => {
    expect(problemsOf(`# ${'x'.repeat(1_048_576)}`)).toEqual(['w.yaml: w.yaml: is larger than 1048576 bytes']);
  });

  it('is described by the published schema', () => {
    const published = new URL('../../../schema/workflow.schema.json', import.meta.url);
    if (process.env['UPDATE_SCHEMA']) writeFileSync(published, `${JSON.stringify(WORKFLOW_FILE_SCHEMA, null, 2)}\n`);

    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(WORKFLOW_FILE_SCHEMA);
  });
});

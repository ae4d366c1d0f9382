import { describe, expect, it } from '@jest/globals';
import { buildWorkflow, checkWorkflow } from './build.js';
import type { NodeDraft, WorkflowDraft } from './draft.js';
import { WorkflowDefinitionError } from './errors.js';

const node = (name: string, settings: Partial<NodeDraft> = {}): NodeDraft => ({
  name,
  action: { type: 'constant', value: name },
  ...settings,
});
const workflow = (nodes: NodeDraft[], settings: Partial<WorkflowDraft> = {}): WorkflowDraft => ({
  name: 'receipts',
  nodes,
  ...settings,
});
const messages = (draft: WorkflowDraft) =>
  checkWorkflow(draft).problems.map((problem) => `${problem.node ?? '-'}: ${problem.message}`);

describe('building a workflow', () => {
  it('orders the nodes behind those they wait for and leaves fallbacks out of the order', () => {
    const draft = workflow([
      node('reply', { after: ['classify', 'summarise'] }),
      node('classify', { after: 'parse', fallback: ['guess'] }),
      node('summarise', { after: 'parse' }),
      node('guess', { input: '$.parse.subject' }),
      node('parse'),
    ]);

    const definition = buildWorkflow(draft);

    expect(definition.order).toEqual(['parse', 'classify', 'summarise', 'reply']);
    expect(definition.nodes.get('guess')).toMatchObject({ standby: true, ancestors: ['parse'] });
  });

  it('reads the input as JSON Schema, also in words of OpenAPI', () => {
    const input = { properties: { note: { type: 'string', nullable: true } } };

    expect(buildWorkflow(workflow([node('a')], { input })).inputSchema).toEqual({
      properties: { note: { type: ['string', 'null'] } },
    });
  });

  it.each<[string, object, string]>([
    ['leads back to itself', { allOf: [{ $ref: '#' }] }, "its reference '#' leads back to itself"],
    [
      'refers to elsewhere',
      { $ref: 'https://example.com/a.json' },
      "can't resolve reference https://example.com/a.json",
    ],
  ])('refuses an input schema that %s', (_, input, message) => {
    expect(messages(workflow([node('a')], { input: input as Record<string, unknown> }))).toEqual([
      expect.stringContaining(message),
    ]);
  });

  it('names the whole path of a cycle', () => {
    const draft = workflow([
      node('a', { after: 'c' }),
      node('b', { after: 'a' }),
      node('c', { after: 'b' }),
      node('d'),
    ]);

    expect(messages(draft)).toEqual([
      expect.stringMatching(/waits for itself: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)/),
    ]);
  });

  it('names a node that waits for itself', () => {
    expect(messages(workflow([node('a', { after: 'a' })]))).toEqual(['a: waits for itself: a -> a']);
  });

  it('reports everything at once, with the nearest name', () => {
    const draft = workflow(
      [
        node('parse'),
        node('parse'),
        node('input'),
        node('classify', { after: 'prase', when: '$.parse.(', input: { text: '$.parse.subject' } }),
        node('reply', { after: 'parse', input: '{{ clasify.category }}', retry: { maxRetrys: 2 } as never }),
      ],
      { output: { done: '$.repyl' }, deadline: 'soon' },
    );

    expect(messages(draft)).toEqual(
      expect.arrayContaining([
        'parse: is declared twice',
        "input: 'input' is reserved; choose another name",
        "classify: waits for 'prase', which is no node of this workflow (did you mean 'parse'?)",
        expect.stringContaining("classify: cannot read the expression '$.parse.('"),
        'classify: reads \'parse\' without waiting for it; add it to "after"',
        "reply: reads 'clasify', which is neither \"input\" nor a node (did you mean 'classify'?)",
        expect.stringMatching(/reply: .*maxRetrys: expected no such option/),
        "-: the output reads 'repyl', which is no node (did you mean 'reply'?)",
        "-: deadline 'soon' is no duration such as '2m' or 120000",
      ]),
    );
  });

  it('refuses to wait for a fallback, a fallback that waits, and a circle of fallbacks', () => {
    const draft = workflow([
      node('first', { fallback: ['second'] }),
      node('second', { after: 'third', fallback: ['first'] }),
      node('third'),
      node('last', { after: 'second' }),
    ]);

    expect(messages(draft)).toEqual(
      expect.arrayContaining([
        expect.stringContaining("last: waits for 'second', which runs only in place of another node"),
        expect.stringContaining('second: is a fallback and waits for whatever'),
        expect.stringMatching(/is its own fallback: (first -> second -> first|second -> first -> second)/),
      ]),
    );
  });

  it('carries all problems in one error with a stable code', () => {
    const build = () =>
      buildWorkflow(workflow([node('a', { after: 'x' }), node('b', { after: 'y' })], { file: 'w.yaml' }));

    expect(build).toThrow(WorkflowDefinitionError);
    expect(build).toThrow(/w\.yaml: receipts > a: .*\n.*w\.yaml: receipts > b: /);
    expect(build).toThrow(expect.objectContaining({ code: 'RESILIENCE_WORKFLOW_DEFINITION', file: 'w.yaml' }));
  });

  it('gives the same version to the same declaration and another one to a changed one', () => {
    const version = (retry: number) => buildWorkflow(workflow([node('a', { retry })])).version;

    expect(version(2)).toBe(version(2));
    expect(version(2)).not.toBe(version(3));
  });

  it('sorts fallbacks by priority and keeps the written order among equals', () => {
    const draft = workflow([
      node('a', { fallback: [{ node: 'd', priority: 2 }, 'b', { node: 'c', priority: 1 }, 'e'] }),
      ...['b', 'c', 'd', 'e'].map((name) => node(name)),
    ]);

    expect(buildWorkflow(draft).nodes.get('a')?.fallback).toEqual(['b', 'e', 'c', 'd']);
  });

  it('builds a chain that is longer than the stack is deep', () => {
    const nodes = Array.from({ length: 1_000 }, (_, i) => node(`n${i}`, i > 0 ? { after: `n${i - 1}` } : {})).reverse();

    expect(buildWorkflow(workflow(nodes)).order[999]).toBe('n999');
    expect(messages(workflow([...nodes, node('extra')]))).toEqual(['-: has 1001 nodes; at most 1000 are allowed']);
  });
});

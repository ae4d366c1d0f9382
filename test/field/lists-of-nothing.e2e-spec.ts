import { afterEach, describe, expect, it } from '@jest/globals';
import { parseWorkflow, buildWorkflow, workflow, type WorkflowDefinition } from '@nest-resilience/workflow';
import { Application } from '../workflow-rows/application.js';

// A batch over a list that is not there did nothing and succeeded with a rate of 100 %.

let app: Application | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

const over = (items: string, partial = true): WorkflowDefinition =>
  workflow('w')
    .node('each', { each: { items, partial, run: ({ input }) => input } })
    .build();

async function run(definition: WorkflowDefinition, input: unknown) {
  app = await Application.start({ definitions: [definition] });
  return app.run('w', input);
}

describe('an each node whose list is nothing', () => {
  it.each([
    ['a name that is misspelt', 'input.recipts', { receipts: [1] }, 'nothing'],
    ['a name that is misspelt inside of items', 'input.orders.ids', { orders: [{ id: 1 }] }, 'nothing'],
    ['null', 'input.receipts', { receipts: null }, 'null'],
    ['an object without it', 'input.order.lines', { order: {} }, 'nothing'],
    ['a condition without an else', 'input.all ? input.receipts', { receipts: [1] }, 'nothing'],
    ['a predicate over a name that is misspelt', 'input.recipts[total > 1]', { receipts: [{ total: 2 }] }, 'nothing'],
  ])('fails: %s', async (_, items, input, what) => {
    const ledger = await run(over(items), input);

    expect(ledger.status).toBe('failed');
    const message = `Node 'each': the list '${items}' is ${what}; correct it, or write '[${items}]' if there may be none`;
    expect(ledger.nodes[0]?.error).toMatchObject({ message, kind: 'permanent', node: 'each' });
  });

  it('fails without partial as well, and in a file', async () => {
    const { draft } = parseWorkflow(
      'name: w\nnodes:\n  each:\n    each: { items: $.input.recipts, transform: item }\n',
      'w.yaml',
    );

    const [node] = (await run(buildWorkflow(draft!), { receipts: [] })).nodes;

    expect(node?.error?.message).toContain("the list '$.input.recipts' is nothing");
  });

  it('is left to the fallback, and to optional', async () => {
    const definition = workflow('w')
      .node('each', { optional: true, each: { items: 'input.none', run: () => 1 } })
      .node('other', { each: { items: 'input.none', run: () => 1 }, fallback: ['instead'] })
      .node('instead', { constant: [] })
      .node('end', { after: ['each', 'other'], transform: '{ "why": errors.each.code, "other": other }' })
      .build();

    const ledger = await run(definition, {});

    expect(ledger.output).toEqual({ end: { why: 'RESILIENCE_WORKFLOW_UNUSABLE_VALUE', other: [] } });
  });
});

describe('an each node whose list is empty', () => {
  it.each([
    ['an empty list', 'input.receipts', { receipts: [] }],
    ['a filter that finds none', 'input.receipts[total > 5]', { receipts: [{ total: 2 }] }],
    ['a filter that finds none, and what is in them', 'input.receipts[total > 5].total', { receipts: [{ total: 2 }] }],
    ['what is in the items of an empty list', 'input.receipts.total', { receipts: [] }],
    ['what may be none, in brackets', '[input.recipts]', {}],
  ])('succeeds: %s', async (_, items, input) => {
    const ledger = await run(over(items), input);

    expect(ledger.output).toEqual({ each: { successes: [], failures: [], total: 0, successRate: 1 } });
  });

  it.each([
    ['one item instead of a list of one', 'input.receipts.total', { receipts: [{ total: 2 }] }, [2]],
    ['0', 'input.total', { total: 0 }, [0]],
    ['false', 'input.total', { total: false }, [false]],
  ])('is no empty list with %s', async (_, items, input, output) => {
    expect((await run(over(items, false), input)).output).toEqual({ each: output });
  });
});

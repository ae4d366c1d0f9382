import { afterEach, describe, expect, it } from '@jest/globals';
import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import { MemoryExecutionStore, Step, workflow, Workflow } from '@nest-resilience/workflow';
import { Injectable } from '@nestjs/common';
import { Application } from '../workflow-rows/application.js';

// A Map, a Set, NaN or an error as a step's result was kept as {} or null, and the next step went on with that.

let app: Application | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

@Injectable()
@Workflow('totals')
class Totals {
  @Step()
  count(): unknown {
    return { perShop: new Map([['a', 1]]) };
  }
}

describe.each([
  ['memory', () => new MemoryExecutionStore()],
  ['SQLite', () => sqliteExecutionStore({ file: ':memory:' })],
])('a step whose result JSON would lose, with the ledger in %s', (_, store) => {
  it('fails, once, with the place of what would be lost', async () => {
    let calls = 0;
    const run = () => ({ items: [{ total: 1 }, { total: calls++ / 0 - Infinity }] });
    const definition = workflow('w')
      .node('sum', { run, retry: { maxRetries: 3, strategy: 'immediate' } })
      .build();
    app = await Application.start({ store: store(), definitions: [definition] });

    const ledger = await app.run('w');

    const message = "the result of node 'sum' cannot be stored: NaN at items[1].total is no JSON";
    expect(ledger.nodes[0]?.error).toMatchObject({ kind: 'permanent', code: 'RESILIENCE_WORKFLOW_VALUE', node: 'sum' });
    expect(ledger.nodes[0]?.error?.message).toContain(message);
    expect(calls).toBe(1);
  });

  it('fails in a class as well, and is left to a fallback in a graph', async () => {
    const definition = workflow('w')
      .node('a', { run: () => new Set([1]), fallback: ['b'] })
      .node('b', { run: () => [1] })
      .build();
    app = await Application.start({ store: store(), definitions: [definition], providers: [Totals] });

    expect((await app.run('totals')).error?.message).toContain('a Map at perShop is no JSON');
    expect((await app.run('w')).output).toEqual({ a: [1] });
  });

  it('names the item of a batch', async () => {
    const run = ({ input }: { input: unknown }) => (input === 2 ? new Error('no') : input);
    const definition = workflow('w')
      .node('each', { each: { items: '[1..3]', run } })
      .build();
    app = await Application.start({ store: store(), definitions: [definition] });

    expect((await app.run('w')).error?.message).toContain(
      "the result of item 1 of node 'each' cannot be stored: an error (Error: no) is no JSON",
    );
  });

  it('is refused as an input, before anything is accepted', async () => {
    app = await Application.start({ store: store(), definitions: [workflow('w').node('a', { constant: 1 }).build()] });

    await expect(app.workflows.start('w', { since: new Date('x') })).rejects.toMatchObject({
      code: 'RESILIENCE_WORKFLOW_INPUT',
      message: expect.stringContaining('an invalid Date at since is no JSON') as unknown,
    });
  });
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';
import { Resilient, Retry, systemClock } from '@nest-resilience/core';
import type { FakeClock } from '@nest-resilience/core/testing';
import { Step, type StepContext, Workflow, workflow, WorkflowBuilder } from '@nest-resilience/workflow';
import { Injectable } from '@nestjs/common';

import { Application, busy, scripted, type Setting } from './application.js';

let app: Application;
const servers: Server[] = [];
const start = async (setting?: Setting): Promise<Application> => (app = await Application.start(setting));
afterEach(async () => {
  await app?.close();
  for (const server of servers.splice(0)) server.close();
});

const EXACT = { jitter: 'none', budget: false } as const;
const secondsBetween = (at: readonly number[]): number[] =>
  at.slice(1).map((time, index) => (time - (at[index] ?? 0)) / 1_000);

describe('Kailash', () => {
  it('row 43: retries are configured per node: how many, which strategy, from, to, and on which errors', async () => {
    class ConnectionLost extends Error {
      override readonly name = 'ConnectionLost';
    }
    const call = scripted([new ConnectionLost(), new ConnectionLost(), new RangeError('a bug')], 'never');
    await start({
      definitions: [
        workflow('data_pipeline').node('fetch_data', {
          retry: {
            ...EXACT,
            maxRetries: 3,
            strategy: 'exponential',
            baseDelay: '2s',
            maxDelay: '30s',
            retryOn: [ConnectionLost],
          },
          run: () => call(app.clock),
        }),
      ],
    });

    const ledger = await app.run('data_pipeline');

    expect(secondsBetween(call.at)).toEqual([2, 4]);
    expect(ledger.error?.message).toBe('a bug');
  });

  it.each([
    ['immediate', '1s', [0, 0, 0, 0]],
    ['linear', '2s', [2, 4, 6, 8]],
    ['exponential', '1s', [1, 2, 4, 8]],
    ['fibonacci', '1500ms', [1.5, 1.5, 3, 4.5]],
  ] as const)('row 44: the strategy %s from %s', async (strategy, baseDelay, expected) => {
    const call = scripted(Array<Error>(4).fill(busy()), 'done');
    const retry = { ...EXACT, maxRetries: 4, strategy, baseDelay };
    await start({ definitions: [workflow('w').node('a', { retry, run: () => call(app.clock) })] });

    await app.run('w');

    expect(secondsBetween(call.at)).toEqual(expected);
  });

  it('row 45: fallbacks chain, from region to region', async () => {
    const up = new Set<string>(['eu-west-1']);
    const server = createServer((request, response) => {
      const region = request.url?.slice(1) ?? '';
      response
        .writeHead(up.has(region) ? 200 : 503, { 'content-type': 'application/json' })
        .end(JSON.stringify({ region }));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const regions = ['us-east-1', 'us-west-2', 'eu-west-1'];
    // Each falls back to the next one, as add_fallback chains them.
    const definition = regions.reduce(
      (builder, region, index) =>
        builder.node(region, { http: { url: `${base}/${region}` }, fallback: regions.slice(index + 1, index + 2) }),
      workflow('multi_region'),
    );
    await start({ clock: systemClock, requests: { allow: ['127.0.0.1'] }, definitions: [definition] });

    const ledger = await app.run('multi_region');

    expect(ledger.nodes).toMatchObject([
      {
        node: 'us-east-1',
        servedBy: 'eu-west-1',
        fallbackLevel: 2,
        result: { status: 200, body: { region: 'eu-west-1' } },
      },
    ]);
  });

  it('row 46: a circuit per node that needs two successes to close', async () => {
    let down = true;
    await start({
      definitions: [
        workflow('w', { deadLetter: false }).node('api_call', {
          circuitBreaker: { failureThreshold: 5, successThreshold: 2, recoveryTimeout: '60s' },
          run: () => {
            if (down) throw busy();
            return 'ok';
          },
        }),
      ],
    });
    const state = (): string => app.resilience.circuit('w.api_call').state;

    for (let run = 0; run < 5; run++) await app.run('w');
    expect(state()).toBe('open');
    await (app.clock as FakeClock).advance('60s');
    down = false;
    await app.run('w');
    expect(state()).toBe('half_open');
    await app.run('w');

    expect(state()).toBe('closed');
  });

  it('row 47: the dead letter queue knows when, why, where and how often; it can be read and cleared', async () => {
    await start({
      definitions: [
        workflow('w')
          .node('extra', {
            optional: true,
            deadLetter: true,
            retry: { ...EXACT, maxRetries: 2 },
            run: () => {
              throw busy();
            },
          })
          .node('main', {
            run: () => {
              throw new Error('no way');
            },
          }),
      ],
    });

    const ledger = await app.run('w');

    const { items } = await app.deadLetters.list();
    expect(items.map(({ queue, error }) => [queue, error.message])).toEqual(
      expect.arrayContaining([
        ['workflows', expect.stringMatching(/failed at node 'main': no way/)],
        ['workflow-nodes', 'busy'],
      ]),
    );
    expect(items.every(({ createdAt }) => createdAt >= ledger.createdAt)).toBe(true);
    expect(ledger.nodes.map(({ node, attemptCount, error }) => [node, attemptCount, error?.message]).sort()).toEqual([
      ['extra', 3, 'busy'],
      ['main', 1, 'no way'],
    ]);
    for (const { id } of items) await app.deadLetters.discard(id);
    expect((await app.deadLetters.list({ status: 'pending' })).items).toEqual([]);
  });

  it('row 48: the metrics show every circuit and the size of the dead letter queue', async () => {
    await start({
      definitions: [
        workflow('w').node('a', {
          circuitBreaker: { name: 'api', failureThreshold: 1 },
          run: () => {
            throw busy();
          },
        }),
      ],
    });
    await app.run('w');

    const { circuits, deadLetters } = app.resilience.metrics();

    expect(circuits).toMatchObject({ api: { state: 'open' } });
    expect(deadLetters).toEqual({ size: 1, byQueue: { workflows: 1 } });
  });

  it('row 49: one decorator on the class gives every step all policies', async () => {
    const calls: string[] = [];

    @Injectable()
    @Workflow('enterprise_pipeline')
    @Resilient({
      retry: { ...EXACT, maxRetries: 2, strategy: 'immediate' },
      circuitBreaker: { failureThreshold: 5 },
      timeout: '30s',
    })
    class Pipeline {
      @Step()
      fetch(_context: StepContext): Promise<string> {
        calls.push('fetch');
        return calls.length < 3 ? Promise.reject(busy()) : Promise.resolve('data');
      }

      @Step({ after: 'fetch' })
      process({ results }: StepContext): Promise<string> {
        calls.push('process');
        return Promise.resolve(String(results['fetch']).toUpperCase());
      }
    }
    await start({ providers: [Pipeline] });

    const ledger = await app.run('enterprise_pipeline');

    expect(ledger.output).toEqual({ process: 'DATA' });
    expect(calls).toEqual(['fetch', 'fetch', 'fetch', 'process']);
  });

  it('row 50: resilience is part of the one workflow there is: in code, as a class and as a file', async () => {
    expect(workflow('w')).toBeInstanceOf(WorkflowBuilder);
    const fetch = scripted([busy()], 'from code');
    let calls = 0;

    @Injectable()
    @Workflow('as-class')
    class AsClass {
      @Retry({ ...EXACT, maxRetries: 1, strategy: 'immediate' })
      @Step()
      a(_context: StepContext): Promise<string> {
        return ++calls < 2 ? Promise.reject(busy()) : Promise.resolve('from class');
      }
    }
    await start({
      providers: [AsClass],
      definitions: [
        workflow('in-code').node('a', { retry: { maxRetries: 1, strategy: 'immediate' }, run: () => fetch(app.clock) }),
      ],
    });

    const outputs = [(await app.run('in-code')).output, (await app.run('as-class')).output];

    expect(outputs).toEqual([{ a: 'from code' }, { a: 'from class' }]);
  });

  it('row 51: degradation ends in a plain function with a constant confidence', async () => {
    await start({
      definitions: [
        workflow('w')
          .node('full_analysis', { run: () => Promise.reject(busy()), fallback: ['basic_analysis'] })
          .node('basic_analysis', { run: () => Promise.reject(busy()), fallback: ['minimal_analysis'] })
          .node('minimal_analysis', { constant: { analysis: 'Basic analysis', confidence: 0.5 } }),
      ],
    });

    const ledger = await app.run('w');

    expect(ledger).toMatchObject({
      degraded: true,
      output: { full_analysis: { analysis: 'Basic analysis', confidence: 0.5 } },
      nodes: [{ servedBy: 'minimal_analysis', fallbackLevel: 2 }],
    });
  });

  it('row 52: exponential by default, limited, only what is worth it, circuits to watch, dead letters to process', async () => {
    let healthy = false;
    const call = scripted(Array<Error>(4).fill(busy()), 'done');
    await start({
      random: () => 1,
      definitions: [
        workflow('w').node('a', {
          retry: 3,
          circuitBreaker: { name: 'api', failureThreshold: 9 },
          run: () => (healthy ? 'ok' : call(app.clock)),
        }),
      ],
    });

    const failed = await app.run('w');
    expect(secondsBetween(call.at)).toEqual([0.5, 1, 2]);
    expect(app.resilience.circuit('api').snapshot()).toMatchObject({ state: 'closed', failures: 4 });
    healthy = true;
    const { items } = await app.deadLetters.list({ queue: 'workflows' });
    const redriven = app.deadLetters.redrive(items[0]!.id);
    await app.untilEnd(failed.id);

    expect(await redriven).toMatchObject({ status: 'resolved' });
    expect(await app.workflows.get(failed.id)).toMatchObject({ status: 'succeeded', output: { a: 'ok' } });
  });
});

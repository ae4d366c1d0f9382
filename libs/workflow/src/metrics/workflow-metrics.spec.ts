import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ResilienceModule } from '@nest-resilience/core';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { TelemetryModule } from '@nest-resilience/core/telemetry';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  type LlmPortResult,
  workflow,
  type WorkflowMetrics,
  WorkflowModule,
  type WorkflowModuleOptions,
  WorkflowService,
} from '../index.js';

let app: INestApplication;
let directory: string;
let url: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'workflow-metrics-'));
});

afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

async function boot(options: WorkflowModuleOptions, more: DynamicModule[] = []): Promise<WorkflowService> {
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      MetricsModule.forRoot({ defaultMetrics: false }),
      WorkflowModule.forRoot({ http: 'open', ...options }),
      ...more,
    ],
  }).compile();
  app = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
  return app.get(WorkflowService);
}

/** The lines of one metric over HTTP: value by labels. */
async function scrape(metric: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`resilience_workflow_${metric}{`));
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf('}');
      const labels = line.slice(line.indexOf('{') + 1, end).replaceAll(/(\w+)="([^"]*)"/g, '$1=$2');
      return [labels, Number(line.slice(end + 1))];
    }),
  );
}

const json = async (name: string): Promise<WorkflowMetrics> =>
  (await fetch(`${url}/workflows/${name}/metrics`)).json() as Promise<WorkflowMetrics>;

const start = async (name: string, input: unknown = {}): Promise<void> => {
  await fetch(`${url}/workflows/${name}/executions?wait=30s`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
};

const sum = (samples: Record<string, number>, label = ''): number =>
  Object.entries(samples).reduce((total, [labels, value]) => (labels.includes(label) ? total + value : total), 0);

const answer: LlmPortResult = {
  text: 'spam',
  provider: 'second',
  fallbackLevel: 1,
  attempts: 3,
  retries: 1,
  degraded: false,
  usage: { inputTokens: 40, outputTokens: 2 },
  costUsd: 0.25,
  tries: [],
};

describe('workflows in GET /metrics', () => {
  it('agree with the JSON of the same workflow, per execution and per node', async () => {
    let calls = 0;
    const orders = workflow('orders')
      .node('ask', { llm: { prompt: 'spam?' } })
      .node('charge', {
        after: 'ask',
        retry: { maxRetries: 2, baseDelay: 0, jitter: 'none' },
        run: ({ input }) => {
          calls++;
          if ((input as { fail?: boolean }).fail || calls % 3 !== 0) throw new Error('ECONNRESET');
          return 'charged';
        },
      })
      .node('notify', {
        after: 'charge',
        run: () => {
          throw new Error('no luck');
        },
        fallback: ['mail', 'nothing'],
      })
      .node('mail', {
        run: () => {
          throw new Error('no luck');
        },
      })
      .node('nothing', { constant: null })
      .node('audit', { after: 'charge', when: 'false', constant: 1 });
    await boot({ definitions: [orders], llm: { complete: () => Promise.resolve(answer) } });

    await start('orders');
    await start('orders');
    await start('orders', { fail: true });

    const report = await json('orders');
    expect(report).toMatchObject({ total: 3, successful: 2, failed: 1, retryRate: 1 });
    expect(await scrape('executions_total')).toEqual({
      'workflow=orders,outcome=successful': report.successful,
      'workflow=orders,outcome=failed': report.failed,
      'workflow=orders,outcome=cancelled': 0,
    });
    expect(await scrape('executions_retried_total')).toEqual({ 'workflow=orders': report.retryRate! * 3 });
    expect(await scrape('executions_degraded_total')).toEqual({ 'workflow=orders': report.degradedRate! * 3 });
    expect(await scrape('nodes_total')).toMatchObject({
      'workflow=orders,node=ask,outcome=successful,retry=without': 3,
      'workflow=orders,node=charge,outcome=successful,retry=with': 2,
      'workflow=orders,node=charge,outcome=failed,retry=with': 1,
      'workflow=orders,node=notify,outcome=successful,retry=without': 2,
      'workflow=orders,node=audit,outcome=skipped,retry=without': 2,
    });
    const ran = sum(await scrape('nodes_total')) - sum(await scrape('nodes_total'), 'outcome=skipped');
    expect(sum(await scrape('node_attempts_total')) / ran).toBeCloseTo(report.averageAttempts!);
    expect(await scrape('node_retries_total')).toMatchObject({ 'workflow=orders,node=charge': 6 });
    expect(await scrape('node_fallbacks_total')).toEqual({
      'workflow=orders,node=ask,level=1': 3,
      'workflow=orders,node=notify,level=1': 0,
      'workflow=orders,node=notify,level=2': 2,
    });
    expect(await scrape('tokens_total')).toEqual({
      'workflow=orders,node=ask,direction=input': report.inputTokens,
      'workflow=orders,node=ask,direction=output': report.outputTokens,
    });
    expect(sum(await scrape('cost_usd_total'))).toBe(report.costUsd);
    expect(await scrape('execution_duration_seconds_count')).toEqual({ 'workflow=orders': 3 });
    expect(await scrape('execution_duration_seconds_bucket')).toMatchObject({ 'le=+Inf,workflow=orders': 3 });
  });

  it('go to OpenTelemetry from the same table', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const meterProvider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
    const orders = workflow('orders').node('a', { constant: 1 });
    await boot({ definitions: [orders] }, [TelemetryModule.forRoot({ tracing: false, meterProvider })]);

    await start('orders');
    await meterProvider.forceFlush();
    await meterProvider.shutdown();

    const figures = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    const values = (name: string) =>
      figures.find(({ descriptor }) => descriptor.name === name)?.dataPoints.map(({ attributes, value }) => [attributes, value]); // prettier-ignore
    expect(values('resilience.workflow.executions')).toContainEqual([
      { 'resilience.workflow': 'orders', 'resilience.outcome': 'successful' },
      1,
    ]);
    expect(values('resilience.workflow.nodes')).toContainEqual([
      {
        'resilience.workflow': 'orders',
        'resilience.node': 'a',
        'resilience.outcome': 'successful',
        'resilience.retried': false,
      },
      1,
    ]);
  });

  it('show what is at work and what waits, and what was cancelled', async () => {
    let arrive!: () => void;
    const reached = new Promise<void>((resolve) => (arrive = resolve));
    const slow = workflow('slow').node('wait', { run: () => (arrive(), new Promise(() => undefined)) });
    const service = await boot({ definitions: [slow], limits: { running: 1 } });
    const first = await service.start('slow', {});
    await service.start('slow', {});
    const third = await service.start('slow', {});
    await reached;

    expect(await scrape('running')).toEqual({ 'workflow=slow': 1 });
    expect(await scrape('queued')).toEqual({ 'workflow=slow': 2 });
    expect(await json('slow')).toMatchObject({ running: 1, queued: 2 });

    await service.cancel(third.id);
    await service.cancel(third.id);
    const report = await json('slow');

    expect(await scrape('executions_total')).toMatchObject({ 'workflow=slow,outcome=cancelled': report.cancelled });
    expect(await scrape('queued')).toEqual({ 'workflow=slow': report.queued });
    for (const { id } of (await service.list()).items) if (id !== third.id) await service.cancel(id);
    expect((await service.get(first.id)).status).toBe('cancelled');
  });

  it('count a fallback workflow by its place, and it itself as an execution of its own', async () => {
    const broken = () =>
      workflow('broken', { fallback: ['worse', 'spare'] }).node('a', { run: () => Promise.reject(new Error('no')) });
    const worse = workflow('worse').node('a', { run: () => Promise.reject(new Error('no')) });
    await boot({ definitions: [broken(), worse, workflow('spare').node('b', { constant: 1 })] });

    await start('broken');

    expect(await scrape('fallbacks_total')).toEqual({ 'workflow=broken,level=1': 0, 'workflow=broken,level=2': 1 });
    expect(await scrape('executions_total')).toMatchObject({
      'workflow=broken,outcome=successful': (await json('broken')).successful,
      'workflow=worse,outcome=failed': (await json('worse')).failed,
      'workflow=spare,outcome=successful': (await json('spare')).successful,
    });
  });

  it('count what was resumed as another end, without the nodes that had ended before', async () => {
    let broken = true;
    const twice = workflow('twice')
      .node('a', { constant: 1 })
      .node('b', { after: 'a', run: () => (broken ? Promise.reject(new Error('no luck')) : 2) });
    const service = await boot({ definitions: [twice] });
    const { id } = await service.start('twice', {});
    await service.wait(id);
    broken = false;

    await service.resume(id);
    await service.wait(id);

    expect(await scrape('executions_total')).toMatchObject({
      'workflow=twice,outcome=successful': 1,
      'workflow=twice,outcome=failed': 1,
    });
    expect(await scrape('nodes_total')).toMatchObject({
      'workflow=twice,node=a,outcome=successful,retry=without': 1,
      'workflow=twice,node=b,outcome=successful,retry=without': 1,
      'workflow=twice,node=b,outcome=failed,retry=without': 1,
    });
  });

  it('have the names of definitions only, never anything a caller sent', async () => {
    await boot({ definitions: [workflow('known').node('a', { constant: 1 })] });

    await start('invented', { 'node="x"': 1 });
    await start('known', { invented: 'invented' });

    expect(await (await fetch(`${url}/metrics`)).text()).not.toContain('invented');
    expect(await scrape('executions_total')).toMatchObject({ 'workflow=known,outcome=successful': 1 });
  });

  it('have new names before anything ran after a reload, and keep what was counted under old ones', async () => {
    const write = (file: string, name: string, node: string): void =>
      writeFileSync(join(directory, file), `name: ${name}\nnodes:\n  ${node}: { constant: 1 }\n`);
    write('one.yaml', 'one', 'old');
    write('two.yaml', 'two', 'only');
    const service = await boot({ directory });
    await start('one');
    await start('two');

    write('one.yaml', 'one', 'fresh');
    rmSync(join(directory, 'two.yaml'));
    write('three.yaml', 'three', 'only');
    await service.reload();

    expect(await scrape('nodes_total')).toMatchObject({
      'workflow=one,node=old,outcome=successful,retry=without': 1,
      'workflow=one,node=fresh,outcome=successful,retry=without': 0,
      'workflow=two,node=only,outcome=successful,retry=without': 1,
      'workflow=three,node=only,outcome=successful,retry=without': 0,
    });
    expect(Object.keys(await scrape('running'))).toEqual(['workflow=one', 'workflow=three']);
  });

  it('do not pile up under names that reloads replaced long ago', async () => {
    const service = await boot({ directory });
    for (let version = 0; version < 105; version++) {
      writeFileSync(join(directory, 'one.yaml'), `name: w${version}\nnodes:\n  a: { constant: 1 }\n`);
      await service.reload();
      await service.wait((await service.start(`w${version}`, {})).id);
    }

    const names = Object.keys(await scrape('executions_retried_total'));

    expect(names).toHaveLength(101);
    expect(names).not.toContain('workflow=w3');
    expect(names).toContain('workflow=w104');
  });
});

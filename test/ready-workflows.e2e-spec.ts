import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core';
import { LlmModule, LlmService } from '@nest-resilience/llm';
import { type LlmPort, loadWorkflowFiles, WORKFLOW_LLM } from '@nest-resilience/workflow';
import { Global, Module } from '@nestjs/common';

import { Application, type Setting } from './workflow-rows/application.js';

const RECEIPTS = new URL('../examples/receipts/', import.meta.url);
const INBOX = new URL('../examples/inbox/', import.meta.url);

@Global()
@Module({
  imports: [LlmModule.forRoot({ providers: [{ name: 'offline', kind: 'offline', model: 'extractive' }] })],
  providers: [{ provide: WORKFLOW_LLM, useExisting: LlmService }],
  exports: [WORKFLOW_LLM],
})
class OfflineModel {}

let application: Application | undefined;
const servers: Server[] = [];

afterEach(async () => {
  await application?.close();
  application = undefined;
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** The workflows of the service that need nothing of it: the inbox's call its own classes, and the service's suite runs those. */
async function start(setting: Setting = {}): Promise<Application> {
  const files = await loadWorkflowFiles([new URL('../workflows', import.meta.url).pathname]);
  const handlers = Object.fromEntries(
    ['MailParser.parse', 'MailArchive.store', 'TriageDesk.file'].map((name) => [name, () => ({})]),
  );
  expect(files.flatMap(({ problems }) => problems)).toEqual([]);
  application = await Application.start({
    clock: systemClock,
    imports: [OfflineModel],
    directory: new URL('../workflows', import.meta.url).pathname,
    handlers,
    ...setting,
  });
  return application;
}

describe('receipt-extraction', () => {
  it('reads ten receipts: six at once, three after it healed them, and keeps the last as a dead letter', async () => {
    const app = await start();
    const names = readdirSync(RECEIPTS).filter((name) => name.endsWith('.txt'));
    const receipts = names.map((name) => ({
      id: name.replace('.txt', ''),
      text: readFileSync(new URL(name, RECEIPTS), 'utf8'),
    }));
    const expected = JSON.parse(readFileSync(new URL('expected.json', RECEIPTS), 'utf8')) as Record<string, object>;

    const ledger = await app.run('receipt-extraction', { receipts });

    expect(ledger.error).toBeUndefined();
    const output = ledger.output as { receipts: { id: string }[]; unreadable: { deadLetterId: string }[] };
    expect(Object.fromEntries(output.receipts.map(({ id, ...read }) => [id, read]))).toEqual(expected);
    expect(output).toMatchObject({
      healed: 3,
      sum: 205.46,
      successRate: 0.9,
      unreadable: [
        { id: '10-unreadable', error: expect.stringMatching(/does not meet/), deadLetterId: expect.any(String) },
      ],
    });
    const extract = ledger.nodes.find(({ node }) => node === 'extract');
    expect(extract?.heals).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ index: 6, issue: 'encoding', remedy: 'fix_encoding', outcome: 'applied' }),
        expect.objectContaining({ index: 7, issue: 'image_quality', remedy: 'clean_up', outcome: 'applied' }),
        expect.objectContaining({ index: 9, issue: 'unreadable', outcome: 'no_remedy' }),
      ]),
    );
    const { items } = await app.deadLetters.list({ queue: 'workflow-items' });
    expect(items.map(({ id }) => id)).toEqual([output.unreadable[0]?.deadLetterId]);
    expect(await app.deadLetters.redrive(items[0]!.id)).toMatchObject({ status: 'pending' });
  });
});

describe('document-analysis', () => {
  const text = readFileSync(new URL('easy-ham-1-00147.eml', INBOX), 'utf8').split('\n\n').slice(1).join('\n\n');
  const answers = (answer: (schema: unknown) => object | string): LlmPort => ({
    async complete({ schema }) {
      const given = answer(schema);
      return {
        text: typeof given === 'string' ? given : JSON.stringify(given),
        ...(typeof given === 'object' && { object: given }),
        provider: 'test',
        fallbackLevel: 0,
        attempts: 1,
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: 0,
        degraded: false,
        tries: [],
      };
    },
  });

  it('high: analyses in depth when a model is sure of itself', async () => {
    const analysis = { analysis: 'Sound.', perspectives: [], recommendations: [], risks: [], confidence: 0.9 };
    const app = await start({ llm: answers(() => analysis) });

    const { output, degraded } = await app.run('document-analysis', { text });

    expect(output).toEqual({ level: 'high', confidence: 0.9, analysis });
    expect(degraded).toBe(false);
  });

  it('basic: summarises without any network when only the offline provider is there', async () => {
    const app = await start();

    const { output, degraded, nodes } = await app.run('document-analysis', { text });

    expect(output).toMatchObject({ level: 'basic', confidence: 0.5, analysis: expect.any(String) });
    expect((output as { analysis: string }).analysis.length).toBeLessThan(text.length);
    expect(degraded).toBe(true);
    expect(nodes[0]).toMatchObject({ servedBy: 'summarise', fallbackLevel: 1 });
  });

  it('emergency: hands the document on in capitals when no model answers', async () => {
    const down: LlmPort = { complete: () => Promise.reject(Object.assign(new Error('down'), { status: 503 })) };
    const app = await start({ llm: down });

    const { output, nodes } = await app.run('document-analysis', { text });

    expect(output).toMatchObject({ level: 'emergency', confidence: 0, analysis: { text: text.toUpperCase() } });
    expect(nodes[0]).toMatchObject({ servedBy: 'emergency', fallbackLevel: 2 });
  });
});

describe('multi-region-fetch', () => {
  /** A region that answers with its name, or with a status. */
  async function region(name: string, status = 200): Promise<{ url: string; calls: () => number }> {
    let calls = 0;
    const server = createServer((_request, response) => {
      calls++;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ region: name }));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
  }
  const requests = { allow: ['127.0.0.1'] };

  it('takes the first region that answers', async () => {
    const app = await start({ requests });
    const [east, west, eu] = [await region('us-east-1'), await region('us-west-2'), await region('eu-west-1')];

    const { output } = await app.run('multi-region-fetch', { regions: [east.url, west.url, eu.url] });

    expect(output).toEqual({ data: { region: 'us-east-1' }, confidence: 1 });
    expect([east.calls(), west.calls(), eu.calls()]).toEqual([1, 0, 0]);
  });

  it('goes on to the next ones while regions fail, each with its own retries', async () => {
    const app = await start({ requests });
    const [east, west, eu] = [await region('a', 503), await region('b', 500), await region('eu-west-1')];

    const ledger = await app.run('multi-region-fetch', { regions: [east.url, west.url, eu.url] });

    expect(ledger.output).toEqual({ data: { region: 'eu-west-1' }, confidence: 1 });
    expect([east.calls(), west.calls(), eu.calls()]).toEqual([3, 2, 1]);
    expect(ledger.nodes[0]).toMatchObject({ servedBy: 'eu_west_1', fallbackLevel: 2, attemptCount: 6 });
  });

  it('ends in a constant with half the confidence when no region answers', async () => {
    const app = await start({ requests });
    const down = [await region('a', 503), await region('b', 503), await region('c', 503)];

    const { output, degraded } = await app.run('multi-region-fetch', { regions: down.map(({ url }) => url) });

    expect(output).toEqual({ data: { note: 'No region answered.' }, confidence: 0.5 });
    expect(degraded).toBe(true);
  });

  it('never calls a region that is in truth a machine of ours', async () => {
    const app = await start();
    const inside = await region('inside');

    const ledger = await app.run('multi-region-fetch', {
      regions: [inside.url, 'http://169.254.169.254', 'http://localhost'],
    });

    expect(inside.calls()).toBe(0);
    expect(ledger.output).toMatchObject({ confidence: 0.5 });
    expect(ledger.nodes[0]?.attempts.map(({ error }) => error?.code)).toEqual(
      Array(3).fill('RESILIENCE_REQUEST_REFUSED'),
    );
  });
});

import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DeadLetter,
  DeadLetterService,
  type ImportReport,
  MemoryDeadLetterStore,
  ResilienceModule,
} from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import request from 'supertest';

const TOKEN = 'the-operator-may-come-in';
const MB = 1_048_576;

@Injectable()
class Orders {
  @DeadLetter({ blob: true, maxBlobBytes: 2 * MB })
  async charge(order: unknown): Promise<void> {
    await Promise.reject(new Error(`no ${typeof order}`));
  }
}

let app: INestApplication<Server>;
let store: MemoryDeadLetterStore;
/** Turns of the event loop that others had. */
let turns: number;
let counting: NodeJS.Timeout;

beforeEach(async () => {
  store = new MemoryDeadLetterStore();
  const imports = [ResilienceModule.forRoot({ deadLetter: { store } }), AdminModule.forRoot({ token: TOKEN })];
  const testing = await Test.createTestingModule({ imports, providers: [Orders] }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  turns = 0;
  counting = setInterval(() => turns++, 1);
});

afterEach(async () => {
  clearInterval(counting);
  await app.close();
});

async function importing(text: string): Promise<ImportReport> {
  turns = 0;
  const { body } = await request(app.getHttpServer())
    .post('/dead-letters/import')
    .set('authorization', `Bearer ${TOKEN}`)
    .set('content-type', 'application/x-ndjson')
    .send(text)
    .expect(200);
  return body as ImportReport;
}

const target = 'Orders.charge';
const good = () => `${JSON.stringify(deadLetterRecord({ target }))}\n`;
const holding = (json: unknown, more: object = {}) =>
  `${JSON.stringify(deadLetterRecord({ target, args: { encoding: 'superjson', json, ...more } }))}\n`;

describe('an import', () => {
  it.each([
    ['brackets', '['.repeat(10 * MB), 'nested more than 400 levels deep'],
    ['braces', '{"a":'.repeat(2 * MB), 'nested more than 400 levels deep'],
    ['brackets in an entry', holding(['@']).replace('"@"', '['.repeat(5 * MB)), 'nested more than 400 levels deep'],
    ['small objects', `[${'{},'.repeat(3_000_000)}0]`, 'more than 500000 values'],
    ['small objects in an entry', holding(['@']).replace('"@"', `${'{},'.repeat(3_000_000)}0`), 'more than 500000 values'], // prettier-ignore
    ['numbers', `[${'1,'.repeat(3_000_000)}0]`, 'more than 500000 values'],
  ])('refuses one line of millions of %s before it parses it, and takes the next', async (_, line, problem) => {
    const report = await importing(`${line.trim()}\n${good()}`);

    expect(report).toMatchObject({ added: 1, refusedLines: 1, refused: [{ line: 1, problem }] });
  });

  it('takes brackets, quotes and escapes in texts for what they are', async () => {
    const text = `${'[{'.repeat(1_000)}\\"${',"'.repeat(600_000)}\\`;

    const report = await importing(holding([text]));

    expect(report).toMatchObject({ added: 1, refusedLines: 0 });
  });

  it('refuses arguments above what their method may keep, or above 8 MiB where the method is unknown', async () => {
    const large = 'x'.repeat(3 * MB);
    const lines = [
      holding([large]),
      holding(['an excerpt'], { blob: 'A'.repeat(3 * MB) }),
      holding([large]).replace(target, 'Elsewhere.run'),
      holding([large.repeat(3)]).replace(target, 'Elsewhere.run'),
      holding(['x'.repeat(MB)]),
    ];

    const report = await importing(lines.join(''));

    expect(report).toMatchObject({ added: 2, refusedLines: 3 });
    const [first, second, third] = report.refused;
    expect([first?.line, second?.line, third?.line]).toEqual([1, 2, 4]);
    expect(first?.problem).toMatch(/^args: 3145\d{3} bytes, more than the 2097152 that maxBlobBytes of Orders.charge allows/);
    expect(third?.problem).toContain('more than the 8388608 that maxBlobBytes of Elsewhere.run allows');
  }); // prettier-ignore

  it.each([
    ['objects that are none', '{"a":1}\n'],
    ['brackets', '[\n'],
    ['words', 'no json\n'],
  ])('stops after 10,000 lines of %s, says so, and lets others go on meanwhile', async (_, line) => {
    const report = await importing(good() + line.repeat(200_000) + good());

    expect(report).toMatchObject({ added: 1, refusedLines: 10_000 });
    expect(report.refused).toHaveLength(1_000);
    expect(report.stopped).toMatch(/^after 10001 lines: 10000 of them held no entry.*send it again/);
    expect(turns).toBeGreaterThan(3);
  });

  it('reads past a million empty lines, and lets others go on meanwhile', async () => {
    const report = await importing(`${'\n'.repeat(MB)}${good()}no json`);

    expect(report).toEqual({ ...{ added: 1, merged: 0, known: 0, refusedLines: 1 }, refused: [expect.objectContaining({ line: MB + 2 })] }); // prettier-ignore
    expect(turns).toBeGreaterThan(3);
  });

  it('does not take a mark of a list over', async () => {
    await importing(holding(['all of it'], { excerpt: true }));

    const { items } = await app.get(DeadLetterService).list();
    expect(items[0]?.excerpt).toBeUndefined();
  });
});

describe('an entry whose blob unpacks to more than its method may keep', () => {
  it('is shown in part with the reason, and not run', async () => {
    const { gzipSync } = await import('node:zlib');
    const blob = gzipSync(JSON.stringify({ json: ['x'.repeat(40 * MB)] })).toString('base64');
    const record = deadLetterRecord({ target, args: { encoding: 'superjson', json: ['part'], blob } });
    await importing(`${JSON.stringify(record)}\n`);

    const { body } = await request(app.getHttpServer()).get(`/dead-letters/${record.id}`).set('authorization', `Bearer ${TOKEN}`).expect(200); // prettier-ignore
    const redrive = await app.get(DeadLetterService).redrive(record.id);

    expect(body).toMatchObject({ args: [['part']], replayable: false });
    expect(body.notReplayable[0]).toContain('more than 8388608 bytes; raise maxBlobBytes');
    expect(redrive).toMatchObject({ outcome: 'failed' });
  });
});

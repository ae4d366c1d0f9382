import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Clock, DeadLetterService, type DeadLetterStore, MemoryDeadLetterStore, ResilienceModule, systemClock } from '@nest-resilience/core'; // prettier-ignore
import { AdminModule } from '@nest-resilience/core/admin';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { WorkflowModule, WorkflowService, workflow } from '@nest-resilience/workflow';
import { Test } from '@nestjs/testing';
import request from 'supertest';

const DAY_MS = 86_400_000;
const TOKEN = 'operator-of-the-clock-suite';

let directory: string;
let aheadMs: number;
const clock: Clock = { ...systemClock, now: () => systemClock.now(), epochNow: () => systemClock.epochNow() + aheadMs };

beforeEach(() => {
  aheadMs = 0;
  directory = mkdtempSync(join(tmpdir(), 'wall-clock-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe.each([
  ['forward', DAY_MS],
  ['back', -DAY_MS],
])('a wall clock that goes %s while a run is at work', (_, jumpMs) => {
  it('is in no duration', async () => {
    const definition = workflow('jump')
      .node('before', { run: () => 'calm' })
      .node('during', {
        after: 'before',
        run: () => {
          aheadMs = jumpMs;
          return 'done';
        },
      });
    const testing = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ clock }),
        AdminModule.forRoot({ token: TOKEN }),
        WorkflowModule.forRoot({
          definitions: [definition],
          store: sqliteExecutionStore({ file: join(directory, 'ledger.db') }),
        }),
      ],
    }).compile();
    const app = await testing.createNestApplication({ logger: false }).init();
    const http = () => request(app.getHttpServer() as never);
    const admin = { authorization: `Bearer ${TOKEN}` };

    const { body } = await http().post('/workflows/jump/executions?wait=30s').set(admin).send({}).expect(200);

    const ledger = (await http().get(`/executions/${body.id}`).set(admin).expect(200)).body;
    const durations = [ledger.durationMs, ...ledger.nodes.map((node: { durationMs: number }) => node.durationMs)];
    expect(durations.every((ms: number) => ms >= 0 && ms < DAY_MS / 2)).toBe(true);
    const { p50, p95 } = await app.get(WorkflowService).metrics('jump');
    expect([p50, p95].every((ms) => ms !== null && ms >= 0 && ms < DAY_MS / 2)).toBe(true);
    await app.close();
  });
});

describe.each<[string, () => DeadLetterStore]>([
  ['SQLite', () => sqliteStore({ file: join(directory, 'dead-letters.db') })],
  ['memory', () => new MemoryDeadLetterStore()],
])('the lease of a replica that died before the clock went back (%s)', (_, make) => {
  it('does not hold its entry for a day', async () => {
    const store = make();
    await store.init?.();
    const parts = { store, clock, events: { listens: () => false, emit: () => undefined }, replay: async () => 'well' };
    const service = new DeadLetterService(parts);
    const { id } = await store.add(deadLetterRecord());
    await store.lease(id, { holder: 'dead', leaseMs: 60_000, now: clock.epochNow(), from: ['pending'] });
    aheadMs = -DAY_MS;

    const { outcome } = await service.redrive(id);

    expect(outcome).toBe('resolved');
    await store.close?.();
  });

  it('holds it while the clock stays as it is', async () => {
    const store = make();
    await store.init?.();
    const parts = { store, clock, events: { listens: () => false, emit: () => undefined }, replay: async () => 'well' };
    const { id } = await store.add(deadLetterRecord());
    await store.lease(id, { holder: 'alive', leaseMs: 60_000, now: clock.epochNow(), from: ['pending'] });

    await expect(new DeadLetterService(parts).redrive(id)).rejects.toMatchObject({
      code: 'RESILIENCE_DEAD_LETTER_LEASED',
    });
    await store.close?.();
  });
});

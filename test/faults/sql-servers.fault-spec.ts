import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DeadLetterService, DeadLetterWriter, ResilienceModule } from '@nest-resilience/core';
import { HealthModule } from '@nest-resilience/core/health';
import { WorkflowModule, WorkflowService } from '@nest-resilience/workflow';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { ServerOptions } from '../servers/account.js';
import { FalseClock } from '../servers/false-clock.js';
import { thaw } from '../servers/freeze.js';
import type { DatabaseServer } from '../servers/postgres.server.js';
import { SmallDisk } from '../servers/small-disk.js';
import { type Case, clockThatJumps, FAULT_MS, FAULTS, fullDisk } from './sql-servers/faults.js';
import { findKinds, type Kind } from './sql-servers/kinds.js';
import { Load, Orders } from './sql-servers/load.js';
import { percentile } from './waits.js';

/** What a submission waits for the ledger, and what a busy machine adds. */
const SLOWEST_SUBMIT_MS = 2_000 + 1_000;
const WARM_UP_MS = Math.min(3_000, FAULT_MS / 3);
const AFTER_MS = Math.min(2_000, FAULT_MS / 3);
const DISK_BYTES = 1_000_000_000;

const diskIsPossible = SmallDisk.isPossible();
const clockIsPossible = FalseClock.isPossible();
if (!diskIsPossible)
  process.stderr.write('\nSKIPPED: a full disk of a SQL server was NOT tested: this account may not mount one.\n\n');
if (!clockIsPossible)
  process.stderr.write('\nSKIPPED: the clock of a SQL server was NOT tested. Install faketime.\n\n');

// In blocks of their own, for what goes before and after the tests of one is nothing to the others.
describe.each(findKinds())('under load, a %s', (name, kind) => {
  describe('on a machine that it shares', () => {
    undergoes(name, kind, FAULTS);
  });

  (diskIsPossible ? describe : describe.skip)('on a disk of its own', () => {
    let disk: SmallDisk;
    beforeAll(() => void (disk = new SmallDisk(DISK_BYTES)));
    undergoes(name, kind, [fullDisk(() => disk)], () => ({ parent: disk.path }));
    afterAll(() => disk.unmount());
  });

  (clockIsPossible ? describe : describe.skip)('by a clock of its own', () => {
    let clock: FalseClock;
    beforeAll(() => void (clock = new FalseClock()));
    undergoes(name, kind, [clockThatJumps(() => clock)], () => ({ env: clock.env }));
    afterAll(() => clock.remove());
  });
});

function undergoes(name: string, kind: Kind, cases: readonly Case[], where?: () => ServerOptions): void {
  let server: DatabaseServer;
  let url: string;
  let directory: string;
  let app: INestApplication | undefined;

  beforeAll(async () => {
    server = await kind.start(where?.());
    url = await kind.prepare(server.url);
  });

  afterEach(async () => {
    thaw(server.process);
    await app?.close();
    app = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  afterAll(() => server.stop());

  it.each(cases)(
    'that $what loses nothing, runs nothing twice and keeps nobody waiting',
    async ({ what, fault, outage, padding }) => {
      const load = new Load(padding);
      app = await boot(load);
      load.begin(app);
      await pause(WARM_UP_MS);
      load.measure();
      const faultAt = performance.now();

      const felt = async (): Promise<void> => {
        // Of a full disk a short round may see nothing: whoever was let in before waits for the end of its run.
        while (load.refusals.size === 0) await pause(20);
      };
      const word = await fault(server, kind, () => kind.session(server.url), felt);
      await pause(AFTER_MS);
      await load.end();
      const loop = load.calls.ofLoop();
      const unfinished = await allEnded(app);

      const { listed, refused } = await idsIn(app);
      const twice = [...load.ran].filter(([, times]) => times > 1);
      const lost = [...load.accepted].filter((id) => !load.ran.has(`${id} third`));
      const missing = [...load.deadLetters].filter((id) => !listed.has(id));
      const notOkMs = load.notOk.length === 0 ? 'never' : `${(load.notOk[0]! - faultAt).toFixed(0)} ms`;
      const { times, withoutMachine } = load.calls;
      process.stdout.write(
        `${name} that ${what}: ${load.accepted.size} accepted, ${lost.length} lost, ${unfinished} ghosts, ${twice.length} nodes twice; ` +
          `${load.deadLetters.size} dead letters acknowledged, ${missing.length} missing, ${refused} set aside; ` +
          `refused ${JSON.stringify([...load.refusals])}; ` +
          `submit p99 ${ms(percentile(load.submits, 0.99))}, max ${ms(Math.max(...load.submits))}; ` +
          `failing call p50 ${ms(percentile(times, 0.5))}, p99 ${ms(percentile(times, 0.99))}, max ${ms(Math.max(...times))}, ` +
          `without the time for which the loop had no core p99 ${ms(percentile(withoutMachine, 0.99))}; ` +
          `loop late p99 ${ms(loop.p99)}, max ${ms(loop.max)}, no core for ${(loop.withoutCore * 100).toFixed(0)} % of the time; ` +
          `health not ok after ${notOkMs}${word === undefined ? '' : `; ${word}`}\n`,
      );
      expect(lost).toEqual([]);
      expect(unfinished).toBe(0);
      expect(twice).toEqual([]);
      expect(missing).toEqual([]);
      expect(refused).toBe(0);
      expect(load.unacknowledged).toBe(0);
      // What is at work keeps its place while the server is away, so that a long fault also leaves no place in line.
      const right = ['RESILIENCE_STORE_UNAVAILABLE', 'RESILIENCE_WORKFLOW_BUSY'];
      expect([...load.refusals.keys()].filter((code) => !right.includes(code))).toEqual([]);
      expect(Math.max(...load.submits)).toBeLessThan(SLOWEST_SUBMIT_MS);
      if (outage) expect(load.notOk.length).toBeGreaterThan(0);
      else expect([...load.refusals.keys()]).toEqual([]);
      if (padding !== undefined) expect(load.refusals.size).toBeGreaterThan(0);
    },
  );

  async function boot(load: Load): Promise<INestApplication> {
    directory = mkdtempSync(join(tmpdir(), 'sql-servers-'));
    const { ledger, deadLetters } = kind.stores(url);
    const module = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ deadLetter: { store: deadLetters, spillDirectory: join(directory, 'spill') } }),
        HealthModule.forRoot({ store: true, eventLoop: false }),
        WorkflowModule.forRoot({ store: ledger, definitions: [load.chain], http: false }),
      ],
      providers: [Orders],
    }).compile();
    return module.createNestApplication({ logger: false }).init();
  }

  /** Until everything has ended, also what arrived when its submitter had been refused. Resolves with how many never do. */
  async function allEnded(running: INestApplication): Promise<number> {
    const workflows = running.get(WorkflowService);
    const until = performance.now() + 150_000;
    for (;;) {
      const open = await Promise.all(
        (['running', 'queued'] as const).map((status) => workflows.list({ status, limit: 500 })),
      ).catch(() => undefined);
      const count = open?.reduce((sum, { items }) => sum + items.length, 0) ?? NaN;
      if (count === 0 || performance.now() > until) return count;
      await pause(200);
    }
  }

  function spilled(): string[] {
    const spill = join(directory, 'spill');
    return existsSync(spill) ? readdirSync(spill).filter((file) => !file.endsWith('.refused')) : [];
  }

  async function idsIn(running: INestApplication): Promise<{ listed: Set<string>; refused: number }> {
    const writer = running.get(DeadLetterWriter);
    while (writer.degraded || spilled().length > 0) {
      await writer.readBack();
      await pause(100);
    }
    const listed = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await running.get(DeadLetterService).list({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
      for (const { id } of page.items) listed.add(id);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return { listed, refused: await writer.countRefused() };
  }
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { Claims } from '../executor/claims.js';
import { buildWorkflow } from '../graph/build.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import { MemoryExecutionStore } from '../ledger/memory.store.js';
import { KeptDefinitions } from '../registry/kept-definitions.js';
import { versionKey, WorkflowRegistry } from '../registry/workflow-registry.js';
import { executionRecord } from '../testing/execution-store.contract.js';
import { Presence } from './presence.js';

const constant = (value: number, more: object = {}): WorkflowDefinition =>
  buildWorkflow({ name: 'job', nodes: [{ name: 'a', action: { type: 'constant', value } }], ...more });
const coded = (name = 'a'): WorkflowDefinition =>
  buildWorkflow({ name: 'job', nodes: [{ name, action: { type: 'run', run: () => 1 } }] });

/** A process that has these workflows, on a ledger that others use as well. */
function processWith(
  definitions: readonly WorkflowDefinition[],
  shared = new MemoryExecutionStore(),
  clock = new FakeClock(),
  handlerProblem?: string,
) {
  const store = shared;
  const registry = new WorkflowRegistry();
  registry.load(definitions, [], { handlerProblem: () => handlerProblem, hasLlm: false });
  const log: string[] = [];
  const me = () => ({ id: 'me', startedAt: 1, versions: definitions.map(versionKey), running: 0, capacity: 1 });
  const presence = new Presence({ shared: store.shared, clock, me, goneMs: 10_000 });
  const kept = new KeptDefinitions(store.shared, registry);
  const claims = new Claims({
    ...{ store, registry, clock, owner: 'me', cluster: undefined, definitions: kept, presence },
    log: (message) => log.push(message),
  });
  return { store, claims, presence, kept, clock, log };
}

async function left(store: MemoryExecutionStore, { name, version }: WorkflowDefinition): Promise<string> {
  const { owner: _, startedAt: __, ...record } = executionRecord({ workflow: name, version, status: 'queued' });
  await store.create(record);
  return record.id;
}

describe('an execution of a version that is not the one in use here', () => {
  it('runs on that version where it is data: the ledger has it', async () => {
    const [older, newer] = [constant(1), constant(2)];
    const first = processWith([older]);
    await first.kept.keep();
    const id = await left(first.store, older);

    const second = processWith([newer], first.store);

    expect(await second.claims.take(id, true)).toMatchObject({ definition: { version: older.version } });
    expect(await first.store.find(id)).toMatchObject({ version: older.version, status: 'running' });
  });

  it('does not run on a version that it does not have everything for', async () => {
    const calls = buildWorkflow({ name: 'job', nodes: [{ name: 'a', action: { type: 'call', target: 'gone' } }] });
    const first = processWith([calls]);
    await first.kept.keep();
    const id = await left(first.store, calls);

    const second = processWith([], first.store, new FakeClock(), 'is not there');

    expect(await second.claims.take(id, true)).toMatchObject({ end: { status: 'unknown_version' } });
  });

  it('waits for a process that knows it, ten minutes after the last one was there, and then goes on under the rules of today', async () => {
    const [older, newer] = [coded('a'), coded('b')];
    const clock = new FakeClock();
    const store = new MemoryExecutionStore({ clock });
    const id = await left(store, older);
    const here = processWith([newer], store, clock);
    const other = { id: 'other', startedAt: 1, versions: [versionKey(older)], running: 0, capacity: 1 };
    await store.shared.announce(other);
    await here.presence.beat();

    const status = async () => {
      await here.presence.beat();
      return here.claims.take(id, true).then((taken) => ('end' in taken ? taken.end.status : taken.definition.version));
    };

    expect(await status()).toBe('unknown_version');
    await clock.advance('9m');
    expect(await status()).toBe('unknown_version');
    await store.shared.announce(other);
    await clock.advance('9m');
    expect(await status()).toBe('unknown_version');
    expect((await store.find(id))?.status).toBe('queued');
    await clock.advance('1m');

    expect(await status()).toBe(newer.version);
    expect(await store.find(id)).toMatchObject({ version: newer.version, movedFrom: older.version });
    expect(here.log.join()).toContain(`no process has known its version ${older.version} for 10 minutes`);
  });

  it('waits as long for one that nobody has announced, of an unknown name too, and fails only then', async () => {
    const older = coded();
    const clock = new FakeClock();
    const store = new MemoryExecutionStore({ clock });
    const id = await left(store, older);
    const here = processWith([], store, clock);

    expect(await here.claims.take(id, true)).toMatchObject({ end: { status: 'unknown_version' } });
    await clock.advance('10m');

    expect(await here.claims.take(id, true)).toMatchObject({
      end: { status: 'failed', error: { cause: { message: expect.stringContaining('no such workflow') } } },
    });
  });

  it('goes on under the rules of today at once when it had failed: they may have been mended', async () => {
    const [older, newer] = [coded('a'), coded('b')];
    const here = processWith([newer]);
    const id = await left(here.store, older);
    const claim = { owner: 'x', from: ['queued'], startedAt: 1, version: older.version } as const;
    await here.store.claim(id, claim);
    await here.store.finish(
      { id, owner: 'x', fence: 1 },
      { status: 'failed', degraded: false, finishedAt: 2, totals: executionRecord().totals },
    );

    expect(await here.claims.take(id, false)).toMatchObject({ definition: { version: newer.version }, reopened: true });
    expect((await here.store.find(id))?.movedFrom).toBeUndefined();
  });
});

describe('a replica', () => {
  it('counts the others that are there, and keeps one that is gone for what it knew', async () => {
    const clock = new FakeClock();
    const { store, presence } = processWith([], new MemoryExecutionStore({ clock }), clock);
    await store.shared.announce({ id: 'you', startedAt: 3, versions: [], running: 0, capacity: 1 });
    await presence.beat();
    expect([presence.alive, presence.others.length]).toEqual([2, 1]);
    await clock.advance('11s');
    expect([presence.alive, presence.others.length]).toEqual([1, 1]);
  });
});

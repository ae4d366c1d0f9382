import type { Clock } from '@nest-resilience/core';
import type { ExecutionStore, SharedLedger } from '../../ledger/execution-store.js';
import { MemoryExecutionStore } from '../../ledger/memory.store.js';
import type { History } from './history.js';
import type { SimulatedReplica } from './simulated-replica.js';
import type { SimulatedTime } from './simulated-time.js';

/** How often a statement fails by itself, before or after its effect. */
const FAILURES = 0.003;

/** Ways in which a ledger, or who uses it, could be wrong: each must be found. */
export type PlantedBug =
  /** Leases keep nobody out. */
  | 'nolease'
  /** Leases never end: what a dead replica ran is nobody's. */
  | 'stuck'
  /** Who lost an execution is not told, and may still write. */
  | 'nofence';

/** The one ledger of all replicas; what it is asked and answers is judged. */
export function simulatedLedger(time: SimulatedTime, history: History, bug?: PlantedBug): MemoryExecutionStore {
  const clock: Clock = { now: () => time.now, epochNow: () => Math.round(time.now), setTimer: unused };
  const store = new MemoryExecutionStore({ maxExecutions: Infinity, clock });
  const { shared } = store;
  const create = store.create.bind(store);
  const claim = store.claim.bind(store);
  const checkpoint = store.checkpoint.bind(store);
  const finish = store.finish.bind(store);
  const renew = shared.renew.bind(shared);
  const release = shared.release.bind(shared);
  store.create = async (record, options) => {
    const found = await create(record, options);
    if (found.created) history.created(found.execution);
    return found;
  };
  store.claim = async (id, given) => {
    const before = await store.find(id);
    const ledger = await claim(id, { ...given, ...leaseOf(bug, given.leaseMs) });
    if (ledger && before) history.claimed(ledger, given, before.status);
    return ledger;
  };
  store.checkpoint = async (lease, node) => {
    const { fence = 0, owner = '' } = (await store.find(lease.id)) ?? {};
    const kept = await checkpoint(bug === 'nofence' ? { id: lease.id, fence, owner } : lease, node);
    if (kept) history.wrote(lease, node);
    return kept;
  };
  store.finish = async (lease, end) => {
    const ended = await finish(lease, end);
    if (ended) history.ended(lease.id, end.status);
    return ended;
  };
  shared.renew = async (leases, leaseMs) => {
    const lost = new Set(await renew(leases, leaseOf(bug, leaseMs).leaseMs ?? leaseMs));
    for (const lease of leases) if (!lost.has(lease.id)) history.renewed(lease, leaseMs);
    return leases.map(({ id }) => id).filter((id) => lost.has(id) && bug !== 'nofence');
  };
  shared.release = async (leases) => {
    for (const lease of leases) history.released(lease);
    return release(leases);
  };
  return store;
}

/** As a replica sees it: over a network that is slow, fails, and may be cut. */
export function overNetwork(
  ledger: MemoryExecutionStore,
  time: SimulatedTime,
  replica: SimulatedReplica,
): ExecutionStore {
  const hop = async (): Promise<void> => {
    await time.wait(time.between(0.5, 12));
    await new Promise<void>((resolve) => replica.soon(resolve));
    if (replica.isCut || time.random() < FAILURES)
      throw Object.assign(new Error('connection lost'), { code: 'ECONNRESET' });
  };
  const wired = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name);
        if (name === 'shared') return wired(member as SharedLedger);
        if (name === 'durable') return true;
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]) => {
          await hop();
          const answer: unknown = await (member as (...given: unknown[]) => unknown).apply(object, given);
          await hop();
          return answer;
        };
      },
    });
  return wired(ledger as ExecutionStore);
}

function leaseOf(bug: PlantedBug | undefined, leaseMs: number | undefined): { readonly leaseMs?: number } {
  if (bug === 'nolease') return { leaseMs: -1 };
  if (bug === 'stuck') return { leaseMs: Infinity };
  return leaseMs === undefined ? {} : { leaseMs };
}

function unused(): never {
  throw new Error('a ledger sets no timers');
}

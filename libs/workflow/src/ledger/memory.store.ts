import { type Clock, indexedKey, storedId, systemClock } from '@nest-resilience/core';
import {
  EXECUTION_STATUSES,
  type ExecutionLedger,
  type ExecutionRecord,
  type ExecutionTotals,
  isFinal,
  type NodeRecord,
  NO_TOTALS,
} from './execution.js';
import {
  DEFAULT_PAGE_SIZE,
  type ExecutionClaim,
  type ExecutionEnd,
  type ExecutionFilter,
  type ExecutionLease,
  type ExecutionPage,
  type ExecutionStore,
  type ReplicaRecord,
  type SeenReplica,
  type SharedLedger,
  type UnfinishedExecution,
  type Work,
  workOf,
  MAX_PAGE_SIZE,
} from './execution-store.js';
import type { ItemLedger } from './items.js';
import { absolved, type Entry, runsUnder } from './memory.entry.js';
import { MemoryItemLedger } from './memory.items.js';
import { type ExecutionSums, rank } from './metrics.js';

export interface MemoryStoreOptions {
  /** @default 10000 */
  readonly maxExecutions?: number;
  /** By which leases end. @default the system's */
  readonly clock?: Clock;
}

/** Keeps executions in this process: for tests and trials. Nothing outlives the process; the oldest ended ones make room. */
export class MemoryExecutionStore implements ExecutionStore {
  readonly durable = false;
  private readonly entries = new Map<string, Entry>();

  readonly shared: SharedLedger;
  readonly items: ItemLedger = new MemoryItemLedger(this.entries);

  constructor(private readonly options: MemoryStoreOptions = {}) {
    this.shared = new MemorySharedLedger(this.entries, () => this.now());
  }

  create(
    given: ExecutionRecord,
    { dueMs }: { readonly dueMs?: number } = {},
  ): Promise<{ execution: ExecutionRecord; created: boolean }> {
    const { workflow, idempotencyKey: key, joinKey } = given;
    const idempotencyKey = key === undefined ? undefined : indexedKey(key);
    const execution = idempotencyKey === undefined ? given : { ...given, idempotencyKey };
    for (const { record } of idempotencyKey === undefined && joinKey === undefined ? [] : this.entries.values()) {
      const sameKey =
        idempotencyKey !== undefined && record.workflow === workflow && record.idempotencyKey === idempotencyKey;
      if (sameKey || (joinKey !== undefined && record.joinKey === joinKey))
        return Promise.resolve({ execution: record, created: false });
    }
    this.makeRoom();
    const dueAt = dueMs === undefined ? undefined : this.now() + dueMs;
    this.entries.set(execution.id, { record: execution, dueAt, nodes: new Map(), items: new Map() });
    return Promise.resolve({ execution, created: true });
  }

  get(id: string): Promise<ExecutionLedger | undefined> {
    const entry = this.entries.get(id);
    return Promise.resolve(entry && ledgerOf(entry));
  }

  find(id: string): Promise<ExecutionRecord | undefined> {
    return Promise.resolve(this.entries.get(id)?.record);
  }

  findByIdempotencyKey(workflow: string, key: string): Promise<ExecutionRecord | undefined> {
    const records = [...this.entries.values()].map(({ record }) => record);
    return Promise.resolve(
      records.find((record) => record.workflow === workflow && record.idempotencyKey === indexedKey(key)),
    );
  }

  list({ workflow, status, cursor, limit = DEFAULT_PAGE_SIZE }: ExecutionFilter): Promise<ExecutionPage> {
    const size = Math.min(Math.max(1, limit), MAX_PAGE_SIZE);
    const matching = [...this.entries.values()]
      .map(({ record }) => record)
      .filter(
        (record) =>
          (workflow === undefined || record.workflow === workflow) &&
          (status === undefined || record.status === status),
      )
      .filter((record) => cursor === undefined || record.id < storedId(cursor))
      .sort((a, b) => (a.id < b.id ? 1 : -1));
    const items = matching.slice(0, size);
    const last = items.at(-1);
    return Promise.resolve({ items, nextCursor: (matching.length > size && last?.id) || null });
  }

  claim(
    id: string,
    { owner, from, startedAt, deadlineAt, version, movedFrom, absolve, leaseMs }: ExecutionClaim,
  ): Promise<ExecutionLedger | undefined> {
    const entry = this.entries.get(id);
    if (!entry || !from.includes(entry.record.status)) return Promise.resolve(undefined);
    const isElsewhere = entry.record.status === 'running' && entry.record.owner !== owner;
    if (isElsewhere && entry.dueAt !== undefined && entry.dueAt > this.now()) return Promise.resolve(undefined);
    const crashes = (entry.record.crashes ?? 0) + (isElsewhere && leaseMs !== undefined ? 1 : 0);
    entry.dueAt = leaseMs === undefined ? undefined : this.now() + leaseMs;
    const { error: _, output: __, finishedAt: ___, ...record } = entry.record;
    const resumes = record.resumes + (record.status === 'queued' ? 0 : 1);
    entry.record = {
      ...record,
      status: 'running',
      owner,
      version,
      resumes,
      fence: (record.fence ?? 0) + 1,
      ...(crashes > 0 && { crashes }),
      startedAt: record.startedAt ?? startedAt,
      ...(deadlineAt !== undefined && { deadlineAt }),
      ...(movedFrom !== undefined && { movedFrom }),
    };
    if (absolve) entry.record = absolved(entry.record);
    return Promise.resolve(ledgerOf(entry));
  }

  async reopen(id: string, claim: ExecutionClaim, forget: readonly string[]): Promise<ExecutionLedger | undefined> {
    const ledger = await this.claim(id, claim);
    const entry = this.entries.get(id);
    if (!ledger || !entry) return undefined;
    for (const node of forget) {
      entry.nodes.delete(node);
      entry.items.delete(node);
    }
    return ledgerOf(entry);
  }

  checkpoint(lease: ExecutionLease, node: NodeRecord): Promise<boolean> {
    const entry = this.entries.get(lease.id);
    if (!entry || !runsUnder(entry, lease)) return Promise.resolve(false);
    if (entry.nodes.get(node.node)?.status !== 'failed') {
      if (!entry.nodes.has(node.node)) entry.nodes.set(node.node, node);
    } else {
      entry.nodes.set(node.node, node);
    }
    if (entry.record.crashes !== undefined && isFinal(node)) entry.record = absolved(entry.record);
    return Promise.resolve(true);
  }

  finish(lease: ExecutionLease, end: ExecutionEnd): Promise<boolean> {
    const entry = this.entries.get(lease.id);
    if (!entry || !runsUnder(entry, lease)) return Promise.resolve(false);
    const record = withoutKeys(entry.record);
    entry.record = { ...(end.status === 'succeeded' ? absolved(record) : record), ...end };
    return Promise.resolve(true);
  }

  cancel(id: string, { finishedAt }: { readonly finishedAt: number }): Promise<boolean> {
    const entry = this.entries.get(id);
    if (!entry || !isUnfinished(entry)) return Promise.resolve(false);
    entry.record = { ...withoutKeys(entry.record), status: 'cancelled', finishedAt };
    return Promise.resolve(true);
  }

  amend(id: string, node: NodeRecord): Promise<boolean> {
    const nodes = this.entries.get(id)?.nodes;
    if (nodes?.get(node.node)?.status !== 'failed') return Promise.resolve(false);
    nodes.set(node.node, node);
    return Promise.resolve(true);
  }

  unfinished(): Promise<UnfinishedExecution[]> {
    const open = [...this.entries.values()].filter(
      (entry) => isUnfinished(entry) && entry.record.parentId === undefined,
    );
    const left = open.map(({ record: { id, workflow, crashes } }) => ({
      ...{ id, workflow },
      ...(crashes !== undefined && { crashes }),
    }));
    return Promise.resolve(left.sort((a, b) => (a.id < b.id ? -1 : 1)));
  }

  sums(workflow: string): Promise<ExecutionSums> {
    const records = [...this.entries.values()]
      .map(({ record }) => record)
      .filter((record) => record.workflow === workflow);
    const ended = records.filter(({ status }) => status === 'succeeded' || status === 'failed');
    const durations = ended.map((record) => (record.finishedAt ?? 0) - record.createdAt).sort((a, b) => a - b);
    const totals = records.reduce((sum, record) => addTotals(sum, record.totals), NO_TOTALS);
    return Promise.resolve({
      ...totals,
      byStatus: Object.fromEntries(
        EXECUTION_STATUSES.map((status) => [status, records.filter((record) => record.status === status).length]),
      ),
      withRetries: ended.filter((record) => record.totals.retries > 0).length,
      withFallbacks: ended.filter((record) => record.totals.fallbacks > 0).length,
      degraded: ended.filter((record) => record.degraded).length,
      p50: durations[rank(50, durations.length)] ?? null,
      p95: durations[rank(95, durations.length)] ?? null,
    });
  }

  prune(finishedBefore: number, limit: number): Promise<number> {
    const old = [...this.entries].filter(
      ([, entry]) => !isUnfinished(entry) && (entry.record.finishedAt ?? finishedBefore) < finishedBefore,
    );
    const gone = old.slice(0, limit);
    for (const [id] of gone) this.entries.delete(id);
    return Promise.resolve(gone.length);
  }

  private now(): number {
    return (this.options.clock ?? systemClock).epochNow();
  }

  private makeRoom(): void {
    if (this.entries.size < (this.options.maxExecutions ?? 10_000)) return;
    for (const [id, entry] of this.entries) {
      if (isUnfinished(entry)) continue;
      this.entries.delete(id);
      return;
    }
  }
}

function addTotals(a: ExecutionTotals, b: ExecutionTotals): ExecutionTotals {
  return {
    nodes: a.nodes + b.nodes,
    attempts: a.attempts + b.attempts,
    retries: a.retries + b.retries,
    fallbacks: a.fallbacks + b.fallbacks,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costUsd: (a.costUsd ?? 0) + (b.costUsd ?? 0),
  };
}

function ledgerOf({ record, nodes }: Entry): ExecutionLedger {
  return { ...record, nodes: [...nodes.values()] };
}

function isUnfinished({ record }: Entry): boolean {
  return record.status === 'running' || record.status === 'queued';
}

/** An ended execution is joined no longer and owned by nobody. */
function withoutKeys({ joinKey: _, owner: __, ...record }: ExecutionRecord): ExecutionRecord {
  return record;
}

/** For several executors of one process: in tests. */
class MemorySharedLedger implements SharedLedger {
  readonly networked = false;
  private readonly definitions = new Map<string, string>();
  private readonly replicas = new Map<string, ReplicaRecord & { readonly seenAt: number }>();

  constructor(
    private readonly entries: ReadonlyMap<string, Entry>,
    private readonly now: () => number,
  ) {}

  renew(leases: readonly ExecutionLease[], leaseMs: number): Promise<readonly string[]> {
    const lost = leases.filter((lease) => {
      const entry = this.entries.get(lease.id);
      if (!entry || !runsUnder(entry, lease)) return true;
      entry.dueAt = this.now() + leaseMs;
      return false;
    });
    return Promise.resolve(lost.map(({ id }) => id));
  }

  release(leases: readonly ExecutionLease[]): Promise<readonly Work[]> {
    const released: Work[] = [];
    for (const lease of leases) {
      const entry = this.entries.get(lease.id);
      if (!entry || !runsUnder(entry, lease)) continue;
      const { owner: _, ...record } = entry.record;
      entry.record = { ...record, status: 'queued' };
      entry.dueAt = this.now();
      if (record.parentId === undefined) released.push(workOf(entry.record));
    }
    return Promise.resolve(released);
  }

  due(limit: number, againMs: number): Promise<readonly Work[]> {
    const now = this.now();
    const due = [...this.entries.values()]
      .filter((entry) => isUnfinished(entry) && entry.record.parentId === undefined && (entry.dueAt ?? Infinity) <= now)
      .sort(
        (a, b) => Number(b.record.status === 'running') - Number(a.record.status === 'running') || a.dueAt! - b.dueAt!,
      )
      .slice(0, limit);
    for (const entry of due) if (entry.record.status === 'queued') entry.dueAt = now + againMs;
    return Promise.resolve(due.map(({ record }) => workOf(record)));
  }

  adopt(graceMs: number): Promise<void> {
    for (const entry of this.entries.values())
      if (isUnfinished(entry)) entry.dueAt ??= this.now() + (entry.record.status === 'queued' ? 0 : graceMs);
    return Promise.resolve();
  }

  requeue(): Promise<void> {
    for (const entry of this.entries.values()) if (entry.record.status === 'queued') entry.dueAt = this.now();
    return Promise.resolve();
  }

  waiting(): Promise<number> {
    const waiting = [...this.entries.values()].filter(
      ({ record }) => record.status === 'queued' && record.parentId === undefined,
    );
    return Promise.resolve(waiting.length);
  }

  keepDefinition(workflow: string, version: string, source: string): Promise<void> {
    const key = `${workflow}@${version}`;
    if (!this.definitions.has(key)) this.definitions.set(key, source);
    return Promise.resolve();
  }

  definition(workflow: string, version: string): Promise<string | undefined> {
    return Promise.resolve(this.definitions.get(`${workflow}@${version}`));
  }

  announce(replica: ReplicaRecord): Promise<readonly SeenReplica[]> {
    const now = this.now();
    const seen = [...this.replicas.values()].map(({ seenAt, ...each }) => ({ ...each, silentMs: now - seenAt }));
    this.replicas.set(replica.id, { ...replica, seenAt: now });
    return Promise.resolve(seen);
  }
}

import type { ExecutionLedger, ExecutionRecord, NodeRecord } from '../../ledger/execution.js';
import type { ExecutionClaim, ExecutionEnd, ExecutionLease } from '../../ledger/execution-store.js';
import type { SimulatedTime } from './simulated-time.js';

interface Life {
  readonly key: string;
  ends: number;
  fence: number;
  writers: Set<string>;
  /** Until when its owner had been promised it. */
  leasedUntil: number;
  owner: string | undefined;
}

/** What must be true of every execution, judged by what the ledger was asked and answered. */
export class History {
  readonly violations: string[] = [];
  private readonly lives = new Map<string, Life>();
  private readonly starts = new Map<string, number>();
  private readonly byKey = new Map<string, string>();

  constructor(private readonly time: SimulatedTime) {}

  get accepted(): number {
    return this.lives.size;
  }

  get nodeStarts(): number {
    return [...this.starts.values()].reduce((sum, count) => sum + count, 0);
  }

  get startedAgain(): number {
    return this.nodeStarts - this.starts.size;
  }

  get allEnded(): boolean {
    return [...this.lives.values()].every(({ ends }) => ends > 0);
  }

  submitted(key: string, { id }: Pick<ExecutionRecord, 'id'>): void {
    const known = this.byKey.get(key);
    if (known !== undefined && known !== id) this.violated(id, `key ${key} led to another execution`);
    this.byKey.set(key, id);
    this.time.note('accepted', key);
  }

  created({ id, idempotencyKey = id }: ExecutionRecord): void {
    this.lives.set(id, {
      ...{ key: idempotencyKey, ends: 0, fence: 0, writers: new Set<string>(), leasedUntil: 0, owner: undefined },
    });
  }

  started(id: string, node: string, replica: number): void {
    const start = `${id} ${node}`;
    this.starts.set(start, (this.starts.get(start) ?? 0) + 1);
    this.time.note('start', this.lives.get(id)?.key, node, replica);
  }

  claimed({ id, fence = 0 }: ExecutionLedger, { owner, leaseMs = Infinity }: ExecutionClaim, was: string): void {
    const life = this.lives.get(id);
    if (!life) return;
    if (fence <= life.fence) this.violated(id, `fence ${fence} after ${life.fence}`);
    if (was === 'running' && life.owner !== owner && this.time.now < life.leasedUntil)
      this.violated(id, `${owner} took what ${life.owner} was lent until ${life.leasedUntil}`);
    Object.assign(life, { fence, owner, writers: new Set(), leasedUntil: this.time.now + leaseMs });
    this.time.note('claimed', life.key, fence);
  }

  renewed({ id, fence }: ExecutionLease, leaseMs: number): void {
    const life = this.lives.get(id);
    if (life?.fence === fence) life.leasedUntil = this.time.now + leaseMs;
  }

  released({ id }: ExecutionLease): void {
    const life = this.lives.get(id);
    if (life) life.leasedUntil = 0;
  }

  wrote({ id, owner, fence }: ExecutionLease, node: NodeRecord): void {
    const life = this.lives.get(id);
    if (!life) return;
    if (fence !== life.fence) this.violated(id, `${node.node} was kept under fence ${fence} after ${life.fence}`);
    life.writers.add(owner);
    if (life.writers.size > 1) this.violated(id, `${life.writers.size} writers under fence ${fence}`);
    this.time.note('kept', life.key, node.node, fence);
  }

  ended(id: string, status: ExecutionEnd['status'] | 'cancelled'): void {
    const life = this.lives.get(id);
    if (!life) return;
    if (++life.ends > 1) this.violated(id, 'ended twice');
    this.time.note('ended', life.key, status);
  }

  /** @param nodes how many checkpoints it has to have */
  judge(ledger: ExecutionLedger | undefined, id: string, nodes: number): void {
    const life = this.lives.get(id);
    if (life?.ends === 0) this.violated(id, `has not ended, is ${ledger?.status}`);
    else if (ledger?.status === 'succeeded' && ledger.nodes.length !== nodes)
      this.violated(id, `has ${ledger.nodes.length} checkpoints of ${nodes}`);
    else if (ledger?.status === 'failed') this.violated(id, `failed: ${ledger.error?.message}`);
  }

  ids(): string[] {
    return [...this.lives.keys()];
  }

  private violated(id: string, words: string): void {
    this.violations.push(`${this.lives.get(id)?.key ?? id}: ${words}`);
  }
}

import type { CompiledAction, ItemAction, NodeDefinition } from '../graph/definition.js';
import type { ItemRecord } from '../ledger/items.js';
import { type JsonValue, toJsonValue } from '../ledger/json-value.js';
import { structuredError } from '../ledger/structured-error.js';
import { AttemptLog, type Trier } from './attempt-log.js';
import { listOf } from './list-of.js';
import type { ItemCall, NodeCall } from './node-call.js';
import type { NodeWorld } from './node-runner.js';
import { type EndedItem, runEach } from './run-each.js';
import { endsRun, RunStop } from './run-stop.js';
import { withEarlier } from './summary.js';

type EachOf = Extract<CompiledAction, { type: 'each' }>;

/** The results of a list whose items are kept one by one; none where they are too large to be held. */
export class KeptList {
  constructor(readonly result: JsonValue | undefined) {}
}

/** Runs the items of `each` nodes. */
export class ItemRunner {
  constructor(
    private readonly world: Pick<NodeWorld, 'clock' | 'maxResultBytes' | 'stopping' | 'keepItem'>,
    /** Does what a node does for one item. */
    private readonly once: (target: NodeDefinition, action: ItemAction, call: ItemCall) => Promise<unknown>,
  ) {}

  /** Resolves with the results, or with a {@link KeptList} where the items are kept one by one. */
  async run(target: NodeDefinition, action: EachOf, call: NodeCall, trier: Trier): Promise<unknown> {
    const list = await listOf(action.items, call.scope, target.name);
    const { run, log } = call;
    const step = target === call.node ? '' : target.name;
    // What heals is done again each time.
    const rows = run.items && trier.round === undefined ? { ...run.items, node: call.node.name, step } : undefined;
    const outcome = await runEach(list, {
      ...{ action, rows, signal: run.signal, maxBytes: rows ? this.world.maxResultBytes : Infinity },
      requireTime: () => this.requireTime(),
      begun: (result) => {
        if (rows) log.list = result;
      },
      found: (record) => {
        if (run.again !== true) log.absorb(record);
      },
      run: async (item, index, earlier) => {
        const ended = await this.item(target, action, call, trier, item, index);
        if ('error' in ended) this.requireTime();
        log.absorb(ended.record);
        const record = withEarlier(ended.record, earlier);
        if (!('error' in ended) || !action.partial || !target.deadLetter || call.node !== target)
          return { ...ended, record };
        const deadLetterId = await this.world.keepItem(run, target.name, index, ended.error);
        return { ...ended, record: { ...record, ...(deadLetterId !== undefined && { deadLetterId }) } };
      },
      refused: ({ record: { result: _, ...record } }, error) => ({
        record: { ...record, status: 'failed', error: structuredError(error) },
        error,
      }),
    });
    if (outcome.failure) throw outcome.failure.error;
    return rows ? new KeptList(outcome.value as JsonValue | undefined) : outcome.value;
  }

  /** Runs one item once more, unless there is no such item any more. */
  async again(target: NodeDefinition, action: EachOf, call: NodeCall, index: number): Promise<EndedItem | undefined> {
    const list = await listOf(action.items, call.scope, target.name);
    if (index >= list.length) return undefined;
    return this.item(target, action, call, { by: target.name, level: 0 }, list[index], index);
  }

  /** Rejects only when that ends the run. */
  private async item(
    target: NodeDefinition,
    { as, action }: EachOf,
    call: NodeCall,
    trier: Trier,
    item: unknown,
    index: number,
  ): Promise<EndedItem> {
    const { clock, maxResultBytes } = this.world;
    const log = new AttemptLog(clock);
    const [startedAt, begun] = [clock.epochNow(), clock.now()];
    const record = (rest: Pick<ItemRecord, 'status' | 'result' | 'error' | 'item'>): ItemRecord => ({
      ...{ node: call.node.name, step: target === call.node ? '' : target.name, index },
      ...{ startedAt, finishedAt: Math.round(startedAt + clock.now() - begun) },
      ...log.spent,
      fallbackLevel: log.methodFallback?.level ?? 0,
      ...(log.methodFallback && { servedBy: log.methodFallback.by }),
      degraded: log.degraded,
      ...rest,
    });
    const what = `item ${index} of node '${target.name}'`;
    try {
      const scope = { ...call.scope, [as]: item, index };
      const value = await this.once(target, action, { ...call, log, scope, given: item, trier: { ...trier, index } });
      return {
        record: record({ status: 'succeeded', result: toJsonValue(value, `the result of ${what}`, maxResultBytes) }),
      };
    } catch (error) {
      if (endsRun(error, call.run.signal)) throw error;
      const failed = record({ status: 'failed', error: structuredError(error) });
      return { record: { ...failed, item: toJsonValue(item, what, Infinity) }, error };
    }
  }

  private requireTime(): void {
    if (this.world.stopping()) throw new RunStop('shutdown');
  }
}

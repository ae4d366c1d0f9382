import type { Scope } from '../expression/expression.js';
import { LazyValue } from '../expression/lazy-value.js';
import type { NodeRecord } from '../ledger/execution.js';
import type { ItemLedger } from '../ledger/items.js';
import { deepFreeze } from '../ledger/json-value.js';
import { EachResult } from './each-result.js';
import { keptItems } from './run-items.js';

/** A list that is too large to be read at once. Never worth a retry. */
class ListTooLargeError extends Error {
  readonly code = 'RESILIENCE_WORKFLOW_VALUE';
  readonly isRetryable = false;

  constructor(node: string, maxBytes: number, place: string) {
    super(
      `the results of node '${node}' have more than ${maxBytes} bytes of JSON, which is what an expression or a step may read at once; ` +
        `do more of the work in the items of '${node}', raise limits.listBytes, or read them page by page: GET ${place}`,
    );
    this.name = new.target.name;
  }
}

/** Results of `each` nodes that their records have no room for: read from their items, by those who need them. */
export class LargeLists {
  /** Those that were read, with what stands for them where they are only passed on. */
  private readonly read = new Map<unknown, unknown>();

  constructor(
    private readonly ledger: ItemLedger | undefined,
    private readonly executionId: string,
    private readonly maxBytes: number,
  ) {}

  /** The result of a node as the scope of an expression has it. */
  resultOf(record: NodeRecord): unknown {
    if (record.result !== undefined || !record.items) return record.result ?? null;
    const { total, succeeded, failed } = record.items;
    const place = `/executions/${this.executionId}/nodes/${record.node}/items`;
    const reference = { total, succeeded, failed, items: place };
    return new LazyValue(async () => {
      const list = await this.listOf(record, place);
      this.read.set(list, reference);
      return list;
    }, reference);
  }

  /** The value with references for lists that are in it as a whole. */
  referring(value: unknown, depth = 0): unknown {
    if (this.read.size === 0 || typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
    if (this.read.has(value)) return this.read.get(value);
    const inner = (part: unknown): unknown => this.referring(part, depth + 1);
    if (Array.isArray(value)) return value.map(inner);
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inner(part)]));
  }

  private async listOf({ node, items }: NodeRecord, place: string): Promise<unknown> {
    const { total, partial, step } = items!;
    const result = new EachResult(total, partial, this.maxBytes);
    if (this.ledger) for await (const item of keptItems(this.ledger, this.executionId, node, step)) result.add(item);
    const { value } = result;
    if (value === undefined) throw new ListTooLargeError(node, this.maxBytes, place);
    return deepFreeze(value);
  }
}

/** Results as a step sees them: lists that are too large throw when they are looked at. */
export async function readyResults(results: Scope): Promise<Scope> {
  if (!Object.values(results).some((value) => value instanceof LazyValue)) return results;
  const ready = { ...results };
  for (const [name, value] of Object.entries(results)) {
    if (!(value instanceof LazyValue)) continue;
    try {
      ready[name] = await value.get();
    } catch (error) {
      if (!(error instanceof ListTooLargeError)) throw error;
      const refuse = (): never => {
        throw error;
      };
      Object.defineProperty(ready, name, { get: refuse, enumerable: false });
    }
  }
  return Object.freeze(ready);
}

/** Of mappings, and so of places where a list may stand as a whole. */
const MAX_DEPTH = 32;

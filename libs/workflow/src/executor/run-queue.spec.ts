import { beforeEach, describe, expect, it } from '@jest/globals';
import type { UnfinishedExecution } from '../ledger/execution-store.js';
import { RunQueue } from './run-queue.js';

let active: number;
let held: boolean;
let queue: RunQueue;

beforeEach(() => {
  active = 0;
  held = false;
  queue = new RunQueue(
    { running: 1, queued: 3 },
    () => active,
    () => held,
  );
});

const execution = (id: string): UnfinishedExecution => ({ id, workflow: `of ${id}` });

function rest(): string[] {
  const ids: string[] = [];
  for (let next; (next = queue.next());) ids.push(next.id);
  return ids;
}

describe('the queue of executions', () => {
  it('lets them go in their order, and those that were left before all others', () => {
    for (const id of ['c', 'd']) queue.push(execution(id));
    queue.pushFirst(['a', 'b'].map(execution));
    expect(queue.next()?.id).toBe('a');
    queue.push(execution('e'));
    queue.pushFirst(['x', 'y'].map(execution));

    expect(queue.queued).toBe(6);
    expect(rest()).toEqual(['x', 'y', 'b', 'c', 'd', 'e']);
    expect(queue.queued).toBe(0);
  });

  it('lets nobody go without a place, or while it is held', () => {
    queue.push(execution('a'));
    active = 1;
    expect(queue.next()).toBeUndefined();
    [active, held] = [0, true];
    expect(queue.next()).toBeUndefined();
    held = false;

    expect(rest()).toEqual(['a']);
  });

  it('forgets who is taken out, and puts one that comes back behind the others', () => {
    for (const id of ['a', 'b', 'c']) queue.push(execution(id));
    queue.remove('a');
    queue.remove('unknown');
    expect([queue.queued, queue.has('a'), queue.has('b')]).toEqual([2, false, true]);
    queue.push(execution('a'));

    expect([...queue.workflows()].sort()).toEqual(['of a', 'of b', 'of c']);
    expect(rest()).toEqual(['b', 'c', 'a']);
    queue.push(execution('d'));
    queue.clear();
    expect([queue.queued, rest()]).toEqual([0, []]);
  });

  it('has places for those that run, and for those that wait behind them, until all are taken', () => {
    expect([1, 2, 3, 4, 5].map(() => queue.reserve())).toEqual(['running', 'queued', 'queued', 'queued', undefined]);
    queue.release('queued');
    queue.push(execution('a'));

    expect(queue.reserve()).toBeUndefined();
    expect(queue.running).toBe(1);
  });
});

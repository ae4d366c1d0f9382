import { describe, expect, it } from '@jest/globals';

import { FakeClock } from '../testing/fake-clock.js';
import type { Clock, TimerHandle } from './clock.js';
import { type DeadlineNode, DeadlineQueue, Deadlines } from './deadlines.js';

class Call implements DeadlineNode {
  dueAt = 0;
  earlier: DeadlineNode | undefined = undefined;
  later: DeadlineNode | undefined = undefined;

  constructor(
    readonly onDeadline: () => void = () => undefined,
    readonly onGivenUp: () => void = () => undefined,
  ) {}
}

/** Also tells whether its timers keep the process alive, and how many were ever set. */
class WatchedClock extends FakeClock implements Clock {
  timersSet = 0;
  keepingAlive = 0;

  override setTimer(callback: () => void, delayMs: number): TimerHandle {
    this.timersSet++;
    this.keepingAlive++;
    let referenced = true;
    const reference = (wanted: boolean): void => {
      if (wanted !== referenced) this.keepingAlive += wanted ? 1 : -1;
      referenced = wanted;
    };
    const timer = super.setTimer(() => {
      reference(false);
      callback();
    }, delayMs);
    const cancel = (): void => {
      reference(false);
      timer.cancel();
    };
    return { cancel, ref: () => reference(true), unref: () => reference(false) };
  }
}

describe('DeadlineQueue', () => {
  it('serves any number of calls with one timer', () => {
    const clock = new WatchedClock();
    const queue = new DeadlineQueue(clock, 100);

    for (let i = 0; i < 1000; i++) queue.add(new Call(), clock.now());

    expect(clock.timersSet).toBe(1);
  });

  it('lets each call fall due at its own time, in the order they came', async () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(clock, 100);
    const due: string[] = [];
    const add = (name: string): void => queue.add(new Call(() => due.push(`${name}@${clock.now()}`)), clock.now());
    add('a');
    add('b');
    await clock.advance(30);
    add('c');

    await clock.advance(200);

    expect(due).toEqual(['a@100', 'b@100', 'c@130']);
  });

  it.each([
    ['first', 0],
    ['middle', 1],
    ['last', 2],
  ])('forgets a call that ended: the %s', async (_which, index) => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(clock, 100);
    const due: number[] = [];
    const calls = [0, 1, 2].map((number) => new Call(() => due.push(number)));
    for (const call of calls) queue.add(call, clock.now());

    queue.remove(calls[index]!);
    await clock.advance(100);

    expect(due).toEqual([0, 1, 2].filter((number) => number !== index));
  });

  it('may be told twice that a call ended, or of one it never knew', async () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(clock, 100);
    const due: string[] = [];
    const [gone, stays] = [new Call(), new Call(() => due.push('stays'))];
    queue.add(gone, 0);
    queue.add(stays, 0);

    queue.remove(gone);
    queue.remove(gone);
    queue.remove(new Call());
    await clock.advance(100);

    expect(due).toEqual(['stays']);
  });

  it('pain 22: keeps the process alive only while a call is pending', () => {
    const clock = new WatchedClock();
    const queue = new DeadlineQueue(clock, 100);
    const call = new Call();
    const alive: number[] = [];

    queue.add(call, 0);
    alive.push(clock.keepingAlive);
    queue.remove(call);
    alive.push(clock.keepingAlive);
    queue.add(call, 0);
    alive.push(clock.keepingAlive);

    expect(alive).toEqual([1, 0, 1]);
    expect(clock.timersSet).toBe(1);
  });

  it('leaves no timer behind when the last call was timed out', async () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(clock, 100);
    queue.add(new Call(), 0);

    await clock.advance(100);

    expect(clock.pending).toBe(0);
  });

  it('takes a call that is added while another falls due', async () => {
    const clock = new WatchedClock();
    const queue = new DeadlineQueue(clock, 100);
    const due: number[] = [];
    queue.add(new Call(() => queue.add(new Call(() => due.push(clock.now())), clock.now())), 0);

    await clock.advance(200);

    expect(due).toEqual([200]);
    expect(clock.pending).toBe(0);
  });

  it('goes on with the others when one of them throws', async () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(clock, 100);
    const due: string[] = [];
    const fail = (): never => {
      throw new Error('boom');
    };
    queue.add(new Call(fail), 0);
    queue.add(new Call(() => due.push('b')), 0);

    await expect(clock.advance(100)).rejects.toThrow('boom');
    await clock.advance(1);
    queue.add(new Call(() => due.push('c')), clock.now());
    await clock.advance(100);

    expect(due).toEqual(['b', 'c']);
  });

  it('times nothing any more once disposed, and can start again', async () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const due: string[] = [];
    deadlines.queue(100).add(new Call(() => due.push('before')), 0);

    deadlines.dispose();
    expect(clock.pending).toBe(0);
    deadlines.queue(100).add(new Call(() => due.push('after')), 0);
    await clock.advance(100);

    expect(due).toEqual(['after']);
  });
});

describe('Deadlines', () => {
  it('keeps one queue per duration', () => {
    const deadlines = new Deadlines(new FakeClock());

    expect(deadlines.queue(5)).toBe(deadlines.queue(5));
    expect(deadlines.queue(5)).not.toBe(deadlines.queue(6));
  });
});

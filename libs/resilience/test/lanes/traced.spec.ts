import { describe, expect, it } from '@jest/globals';
import type { Observable } from 'rxjs';

import type { AttemptSpan, CallSpan, CallTracer, TraceEnding } from '../../src/engine/tracing.js';
import type { Policies } from '../../src/policy/policy.options.js';
import { fails, gives, hangs, type Lane, LaneBench, LANES, streams, WAITING_LANES } from './lane-bench.js';

const DOWN = new Error('down');
const immediate = { maxRetries: 2, strategy: 'immediate' } as const;
const shapeOf = (ending: TraceEnding): string =>
  ending.outcome === 'failed' ? `failed (${(ending.error as Error).message})` : ending.outcome;

/** Writes down what it is told, and in whose span the method and its fallback run. */
class Notes implements CallTracer {
  readonly lines: string[] = [];
  private inside: string | undefined;

  callStarted({ policy }: { policy: string }): CallSpan {
    this.lines.push(`call of ${policy}`);
    return {
      run: (fn) => this.run('call', fn),
      attemptStarted: (number) => this.attempt(`attempt ${number}`),
      end: (ending, { attempts, answeredBy, fallbackLevel }) =>
        void this.lines.push(`call ${shapeOf(ending)}: ${attempts} by ${answeredBy} ${fallbackLevel}`),
    };
  }

  /** That somebody runs now. */
  note(who: string): void {
    this.lines.push(`${who} in ${this.inside ?? 'nothing'}`);
  }

  private attempt(name: string): AttemptSpan {
    this.lines.push(name);
    return {
      run: (fn) => this.run(name, fn),
      end: (ending) => void this.lines.push(`${name} ${shapeOf(ending)}`),
    };
  }

  private run<T>(name: string, fn: () => T): T {
    const outer = this.inside;
    this.inside = name;
    try {
      return fn();
    } finally {
      this.inside = outer;
    }
  }
}

/** What an undeclared method answers must be seen once before its calls can be traced. */
async function traced(lane: Lane, policies: Policies = {}): Promise<{ bench: LaneBench; notes: Notes }> {
  const notes = new Notes();
  const bench = await new LaneBench(lane, policies).shown();
  bench.context.tracer = notes;
  bench.onStart = () => notes.note('method');
  return { bench, notes };
}

describe.each<[string, Lane]>(LANES)('A trace of %s', (_name, lane) => {
  it('shows one attempt that succeeded', async () => {
    const { bench, notes } = await traced(lane);

    expect((await bench.play(gives('value')).run()).value).toBe('value');

    expect(notes.lines.filter((line) => !line.startsWith('method'))).toEqual([
      'call of Orders.charge',
      'attempt 1',
      'attempt 1 successful',
      'call successful: 1 by method 0',
    ]);
  });

  it('shows each attempt and how it ended, and in which the method ran', async () => {
    const { bench, notes } = await traced(lane, { retry: immediate });
    await bench.play(fails(DOWN), gives('second')).run();

    expect(notes.lines).toEqual([
      'call of Orders.charge',
      'attempt 1',
      'method in attempt 1',
      'attempt 1 failed (down)',
      'attempt 2',
      'method in attempt 2',
      'attempt 2 successful',
      'call successful: 2 by method 0',
    ]);
  });

  it('shows a failure and its error', async () => {
    const { bench, notes } = await traced(lane);

    await bench.play(fails(DOWN)).run();

    expect(notes.lines.slice(-2)).toEqual(['attempt 1 failed (down)', 'call failed (down): 1 by method 0']);
  });

  it('shows the fallback that answered, which ran in the call', async () => {
    let rescue = (): void => undefined;
    const { bench, notes } = await traced(lane, {
      fallback: [
        () => {
          throw DOWN;
        },
        () => rescue(),
      ],
    });

    rescue = () => notes.note('fallback');

    await bench.play(fails(DOWN)).run();

    expect(notes.lines.slice(-3)).toEqual([
      'attempt 1 failed (down)',
      'fallback in call',
      'call successful: 1 by fallback 2',
    ]);
  });

  it('shows an attempt that a circuit refused as one that never reached the method', async () => {
    const { bench, notes } = await traced(lane, { circuitBreaker: { failureThreshold: 1 } });
    await bench.play(fails(DOWN)).run();
    notes.lines.length = 0;

    await bench.run();

    expect(notes.lines.map((line) => line.replace(/\(.*\)/, '(...)'))).toEqual([
      'call of Orders.charge',
      'attempt 1',
      'attempt 1 failed (...)',
      'call failed (...): 0 by method 0',
    ]);
  });
});

describe.each<[string, Lane]>(WAITING_LANES.filter(([, { kind, way }]) => kind === 'promise' && way === undefined))(
  'A trace of %s',
  (_name, lane) => {
    it('shows that the cache answered, fresh or in place of an error', async () => {
      const { bench, notes } = await traced(lane, { cache: { ttl: 100, staleIfError: 1000 } });

      await bench.play(gives('kept')).run('key');
      await bench.run('key');
      await bench.clock.advance(200);
      expect((await bench.play(fails(DOWN)).run('key')).value).toBe('kept');

      expect(notes.lines.filter((line) => line.startsWith('call '))).toEqual([
        'call of Orders.charge',
        'call successful: 1 by method 0',
        'call of Orders.charge',
        'call successful: 0 by cache 0',
        'call of Orders.charge',
        'call successful: 1 by cache 0',
      ]);
    });

    it('shows a result that was not accepted as what it is, a success', async () => {
      const retryOnResult = (value: unknown): boolean => value === 'bad';
      const { bench, notes } = await traced(lane, { retry: { ...immediate, maxRetries: 1, retryOnResult } });

      await bench.play(gives('bad')).run();

      expect(notes.lines.filter((line) => !line.startsWith('method'))).toEqual([
        'call of Orders.charge',
        'attempt 1',
        'attempt 1 successful',
        'attempt 2',
        'attempt 2 successful',
        'call successful: 2 by method 0',
      ]);
    });
  },
);

describe.each<[string, Lane]>(WAITING_LANES.filter(([, { kind }]) => kind !== 'unknown'))(
  'A trace of %s',
  (_name, lane) => {
    it('shows a hedged attempt that lost as cancelled', async () => {
      const { bench, notes } = await traced(lane, { hedge: 100 });

      expect((await bench.play(hangs, gives('second')).run()).value).toBe('second');

      expect(notes.lines.filter((line) => !line.startsWith('method'))).toEqual(
        expect.arrayContaining(['attempt 1 cancelled', 'attempt 2 successful', 'call successful: 2 by method 0']),
      );
    });
  },
);

describe.each<[string, Lane]>(WAITING_LANES.filter(([, { shape }]) => shape === 'observable'))(
  'A trace of %s',
  (_name, lane) => {
    it('shows a call that was left: served if it had emitted, cancelled if not', async () => {
      const { bench, notes } = await traced(lane);
      const left = (): string[] => notes.lines.splice(0).slice(-2);

      (bench.play(hangs).call() as Observable<unknown>).subscribe().unsubscribe();
      expect(left()).toEqual(['attempt 1 cancelled', 'call cancelled: 1 by method 0']);
      await new Promise<void>((resolve) => {
        const subscription = (bench.play(streams(1, 2)).call() as Observable<unknown>).subscribe(() => {
          queueMicrotask(() => {
            subscription.unsubscribe();
            resolve();
          });
        });
      });
      expect(left()).toEqual(['attempt 1 successful', 'call successful: 1 by method 0']);
    });
  },
);

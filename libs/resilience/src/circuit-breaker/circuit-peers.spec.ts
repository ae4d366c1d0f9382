import { describe, expect, it } from '@jest/globals';

import type { CircuitCause, CircuitNews, CircuitPeers, PeerCircuit } from '../engine/circuit-peers.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { CircuitBook } from './circuit-book.js';
import { type CircuitBreakerOptions, readCircuitBreakerOptions } from './circuit-breaker.options.js';
import { CircuitHandle } from './circuit-handle.js';
import type { Circuit } from './circuit.js';

const OPTIONS = { failureThreshold: 2, recoveryTimeout: '10s', halfOpenTimeout: '5s' } as const;

/** Peers that note what they are told and asked. */
class Peers implements CircuitPeers {
  readonly told: [string, CircuitNews, CircuitCause][] = [];
  readonly known: PeerCircuit[] = [];
  asked = 0;
  may = true;

  joined(circuit: PeerCircuit): void {
    this.known.push(circuit);
  }

  changed({ name }: PeerCircuit, news: CircuitNews, cause: CircuitCause): void {
    this.told.push([name, news, cause]);
  }

  mayProbe(): boolean {
    this.asked++;
    return this.may;
  }
}

class Bench {
  readonly clock = new FakeClock();
  readonly peers = new Peers();
  readonly events: string[] = [];
  readonly book = new CircuitBook();
  private readonly circuits;

  constructor(options: CircuitBreakerOptions = {}) {
    const events = { listens: () => true, emit: (name: string) => void this.events.push(name.split('.').at(-1)!) };
    const context = createPolicyContext({ clock: this.clock, events });
    context.peers = this.peers;
    const declared = readCircuitBreakerOptions({ ...OPTIONS, ...options }, 'spec');
    this.circuits = this.book.of('llm', { declared, what: 'it', isOverlay: false } as never, context);
  }

  circuit(key?: string): Circuit {
    return this.circuits.select([key]);
  }

  call(outcome: 'passes' | 'fails', circuit = this.circuit()): 'admitted' | 'refused' {
    const now = this.clock.now();
    const permit = circuit.tryAcquire(now);
    if (permit < 0) return 'refused';
    if (outcome === 'passes') circuit.succeed(permit, now, now, 'fine');
    else circuit.fail(permit, now, now, new Error('down'));
    return 'admitted';
  }

  open(circuit = this.circuit()): void {
    for (let i = 0; i < 2; i++) this.call('fails', circuit);
  }
}

describe('A circuit with peers', () => {
  it('asks and tells them nothing while it is closed', () => {
    const bench = new Bench();

    for (let i = 0; i < 100; i++) bench.call('passes');

    expect(bench.peers).toMatchObject({ told: [], asked: 0 });
  });

  it('tells that it tripped, and for how long', () => {
    const bench = new Bench();

    bench.open();

    expect(bench.peers.told).toEqual([['llm', { kind: 'open', forMs: 10_000, timesOpened: 1 }, 'tripped']]);
  });

  it('refuses calls after its time until its peers let it probe, and says half_open to those who only look', async () => {
    const bench = new Bench();
    bench.open();
    bench.peers.may = false;
    expect(bench.call('passes')).toBe('refused');
    expect(bench.peers.asked).toBe(0);
    await bench.clock.advance('10s');

    expect([bench.circuit().state, bench.circuit().snapshot().state, bench.peers.asked]).toEqual([
      'half_open',
      'half_open',
      0,
    ]);
    expect(bench.call('passes')).toBe('refused');
    expect(bench.peers.asked).toBe(1);
    bench.peers.may = true;
    expect(bench.call('passes')).toBe('admitted');

    expect(bench.peers.told.slice(1)).toEqual([['llm', { kind: 'recovered' }, 'probed']]);
    expect(bench.circuit().state).toBe('closed');
  });

  it('asks for each probe, of which there may be several', async () => {
    const bench = new Bench({ successThreshold: 2 });
    bench.open();
    await bench.clock.advance('10s');
    bench.call('passes');

    bench.peers.may = false;
    expect(bench.call('passes')).toBe('refused');
    bench.peers.may = true;
    expect(bench.call('passes')).toBe('admitted');

    expect(bench.circuit().state).toBe('closed');
  });

  it('tells that its probe failed, also one that hung', async () => {
    const bench = new Bench();
    bench.open();
    await bench.clock.advance('10s');
    bench.call('fails');
    await bench.clock.advance('10s');
    bench.circuit().tryAcquire(bench.clock.now());
    expect(bench.circuit().isProbing).toBe(true);
    await bench.clock.advance('7s');
    expect(bench.circuit().isProbing).toBe(false);

    expect(bench.peers.told.slice(1)).toEqual([
      ['llm', { kind: 'open', forMs: 10_000, timesOpened: 2 }, 'probed'],
      ['llm', { kind: 'open', forMs: 8_000, timesOpened: 3 }, 'probed'],
    ]);
  });

  it('tells what an operator did, also where nothing changes here', () => {
    const bench = new Bench();
    const handle = new CircuitHandle(bench.circuit());

    handle.close();
    handle.open();
    handle.open('1m');
    handle.disable();
    handle.metricsOnly();
    handle.reset();

    expect(bench.peers.told.map(([, { kind }, cause]) => `${kind} ${cause}`)).toEqual(
      ['closed', 'forced_open', 'open', 'disabled', 'metrics_only', 'reset'].map((kind) => `${kind} by_hand`),
    );
  });

  it.each<[CircuitNews, string, string[]]>([
    [{ kind: 'open', forMs: 500, timesOpened: 3 }, 'open', ['opened']],
    [{ kind: 'recovered' }, 'closed', []],
    [{ kind: 'forced_open' }, 'forced_open', ['opened']],
    [{ kind: 'disabled' }, 'disabled', []],
    [{ kind: 'metrics_only' }, 'metrics_only', []],
    [{ kind: 'closed' }, 'closed', []],
    [{ kind: 'reset' }, 'closed', []],
  ])('takes over %j and tells nobody', (news, state, events) => {
    const bench = new Bench();

    bench.circuit().adopt(news);

    expect([bench.circuit().state, bench.events, bench.peers.told]).toEqual([state, events, []]);
    expect(bench.circuit().standing?.kind).toBe(state === 'closed' ? undefined : state);
  });

  it('takes over another time without being reported open twice, and goes on from the count of its peer', async () => {
    const bench = new Bench();
    bench.open();

    bench.circuit().adopt({ kind: 'open', forMs: 20_000, timesOpened: 4 });
    await bench.clock.advance('10s');
    expect(bench.circuit().state).toBe('open');
    await bench.clock.advance('10s');
    bench.call('fails');

    expect(bench.events.filter((event) => event === 'opened')).toHaveLength(2);
    expect(bench.peers.told.at(-1)).toEqual(['llm', { kind: 'open', forMs: 10_000, timesOpened: 5 }, 'probed']);
  });

  it('drops results of calls from before the news', () => {
    const bench = new Bench();
    const permit = bench.circuit().tryAcquire(0);

    bench.circuit().adopt({ kind: 'open', forMs: 500, timesOpened: 1 });
    bench.circuit().adopt({ kind: 'recovered' });
    bench.circuit().succeed(permit, 0, 0, 'late');

    expect(bench.circuit().snapshot().calls).toBe(0);
  });

  it('joins when it is made, by key too, and is found by its name', () => {
    const bench = new Bench({ key: (key: string) => key, maxKeys: 2 });
    const keys = ['a', 'b[1]', 'c'];
    for (const key of keys) bench.circuit(key);

    expect(bench.peers.known.map(({ name }) => name)).toEqual(keys.map((key) => `llm[${key}]`));
    expect(bench.book.find('llm[c]')).toBe(bench.peers.known[2]);
    expect(bench.book.find('llm[b[1]]')).toBe(bench.peers.known[1]);
    expect([bench.book.find('llm[a]'), bench.book.find('llm'), bench.book.find('other')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

import { afterEach, describe, expect, it } from '@jest/globals';
import { CircuitBreaker, CircuitOpenError, ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { FakeClock, seededRandom, settle } from '@nest-resilience/core/testing';
import { type INestApplicationContext, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MemoryBus, MemoryServer } from '../../test/memory-bus.js';
import { SharedCircuits } from './shared-circuits.js';

@Injectable()
class Provider {
  isDown = true;
  calls = 0;

  @CircuitBreaker({ name: 'provider', failureThreshold: 2, recoveryTimeout: '10s', halfOpenTimeout: '30s' })
  async ask(): Promise<string> {
    return this.answer();
  }

  @CircuitBreaker({
    name: 'tenants',
    failureThreshold: 2,
    recoveryTimeout: '10s',
    key: (tenant: string) => tenant,
    maxKeys: 3,
  })
  async askFor(_tenant: string): Promise<string> {
    return this.answer();
  }

  /** For a probe that takes its time. */
  wait: Promise<void> | undefined;

  private async answer(): Promise<string> {
    this.calls++;
    await this.wait;
    if (this.isDown) throw new Error('down');
    return 'fine';
  }
}

const open: INestApplicationContext[] = [];
afterEach(async () => {
  for (const application of open.splice(0)) await application.close();
});

class Replica {
  private constructor(
    readonly name: string,
    readonly bus: MemoryBus,
    readonly shared: SharedCircuits,
    readonly provider: Provider,
    readonly resilience: ResilienceService,
  ) {}

  static async start(name: string, server: MemoryServer, clock: FakeClock): Promise<Replica> {
    class Application {}
    const imports = [ResilienceModule.forRoot({ clock })];
    const application = await NestFactory.createApplicationContext(
      { module: Application, imports, providers: [Provider] },
      { logger: false },
    );
    open.push(application);
    const bus = new MemoryBus(server, name);
    const shared = new SharedCircuits({
      bus,
      clock,
      random: seededRandom(1),
      leaseMs: server.leaseMs,
      catchUpMs: 3_000,
    });
    const resilience = application.get(ResilienceService);
    await shared.start(resilience.joinPeers(shared));
    return new Replica(name, bus, shared, application.get(Provider), resilience);
  }

  get state(): string {
    return this.resilience.circuit('provider').state;
  }

  async call(tenant?: string): Promise<'fine' | 'failed' | 'refused'> {
    const call = tenant === undefined ? this.provider.ask() : this.provider.askFor(tenant);
    const outcome = await call.then(
      () => 'fine' as const,
      (error: unknown) => (error instanceof CircuitOpenError ? ('refused' as const) : ('failed' as const)),
    );
    await settle();
    return outcome;
  }

  async trip(tenant?: string): Promise<void> {
    for (let i = 0; i < 2; i++) await this.call(tenant);
  }
}

async function cluster(count: number, { quorum = 1 } = {}) {
  const clock = new FakeClock();
  const server = new MemoryServer(() => clock.now() + 1_000_000, quorum, 10_000);
  const replicas: Replica[] = [];
  for (let i = 0; i < count; i++) replicas.push(await Replica.start(`r${i}`, server, clock));
  const join = (name: string) => Replica.start(name, server, clock);
  return { clock, server, replicas, join, states: () => replicas.map(({ state }) => state).join(' ') };
}

describe('Circuits of many replicas', () => {
  it('say nothing while they are closed', async () => {
    const { server, replicas } = await cluster(2);
    for (const replica of replicas) replica.provider.isDown = false;

    for (let i = 0; i < 50; i++) for (const replica of replicas) await replica.call();

    expect(server.asked).toEqual([]);
  });

  it('are open everywhere as soon as one has opened', async () => {
    const { replicas, states } = await cluster(3);

    await replicas[0]!.trip();

    expect(states()).toBe('open open open');
    expect(await replicas[2]!.call()).toBe('refused');
    expect(replicas.map(({ provider }) => provider.calls)).toEqual([2, 0, 0]);
  });

  it('open at a quorum, and locally before', async () => {
    const { clock, replicas, states } = await cluster(3, { quorum: 2 });
    await replicas[0]!.trip();
    expect(states()).toBe('open closed closed');

    await replicas[1]!.trip();

    expect(states()).toBe('open open open');
    await clock.advance('9s');
    expect(states()).toBe('open open open');
  });

  it('probe by themselves what they opened alone, below the quorum', async () => {
    const { clock, server, replicas, states } = await cluster(3, { quorum: 2 });
    await replicas[0]!.trip();
    replicas[0]!.provider.isDown = false;
    await clock.advance('10s');

    expect(await replicas[0]!.call()).toBe('fine');

    expect(states()).toBe('closed closed closed');
    expect(server.asked).toEqual(['r0 vote']);
  });

  it('send one probe for all: the first who has a call asks, the others are refused', async () => {
    const { clock, replicas, states } = await cluster(3);
    await replicas[0]!.trip();
    await clock.advance('10s');
    for (const { provider } of replicas) provider.isDown = false;

    const first = await Promise.all(replicas.map((replica) => replica.call()));
    const second = await Promise.all(replicas.map((replica) => replica.call()));

    expect(first).toEqual(['refused', 'refused', 'refused']);
    expect(second.filter((outcome) => outcome === 'fine').length).toBeGreaterThanOrEqual(1);
    expect(replicas.map(({ provider }) => provider.calls).reduce((a, b) => a + b)).toBe(
      2 + second.filter((o) => o === 'fine').length,
    );
    expect(states()).toBe('closed closed closed');
  });

  it('stay open everywhere when the probe fails, each time for as long as its prober says', async () => {
    const { clock, replicas, states } = await cluster(2);
    await replicas[0]!.trip();
    await clock.advance('10s');
    await replicas[1]!.call();
    expect(await replicas[1]!.call()).toBe('failed');

    await clock.advance('9s');
    expect(states()).toBe('open open');
    await clock.advance('1s');

    expect(states()).toBe('half_open half_open');
    expect(replicas.map(({ provider }) => provider.calls)).toEqual([2, 1]);
  });

  it('let nobody else probe while a probe is on the way, however long', async () => {
    const { clock, replicas } = await cluster(2);
    await replicas[0]!.trip();
    await clock.advance('10s');
    await replicas[0]!.call();
    let end!: () => void;
    replicas[0]!.provider.wait = new Promise((resolve) => (end = resolve));
    replicas[0]!.provider.isDown = false;
    const probe = replicas[0]!.provider.ask();
    for (let i = 0; i < 25; i++) {
      await clock.advance('1s');
      await settle();
      expect(await replicas[1]!.call()).toBe('refused');
    }

    end();
    await expect(probe).resolves.toBe('fine');
    await settle();

    expect(replicas.map(({ state }) => state)).toEqual(['closed', 'closed']);
  });

  it('pass the probe on when its replica got no call, or died', async () => {
    const { clock, replicas } = await cluster(2);
    await replicas[0]!.trip();
    await clock.advance('10s');
    await replicas[0]!.call();
    replicas[1]!.provider.isDown = false;
    expect(await replicas[1]!.call()).toBe('refused');

    await clock.advance('10s');
    await replicas[1]!.call();

    expect(await replicas[1]!.call()).toBe('fine');
    // Its own time is over as well: it may not probe beside the other.
    expect(replicas[0]!.provider.calls).toBe(2);
  });

  it('take no news that are older than what they know', async () => {
    const { server, replicas } = await cluster(2);
    await replicas[0]!.trip();
    const { epoch } = server.kept.get('provider')!;

    server.listeners.get('r1')!({ circuit: 'provider', news: { kind: 'recovered' }, epoch: epoch - 1 });

    expect(replicas[1]!.state).toBe('open');
  });
});

describe('A replica that comes later', () => {
  it('knows what is open, and for how long still', async () => {
    const { clock, replicas, join } = await cluster(1);
    await replicas[0]!.trip();
    await replicas[0]!.trip('t1');
    await clock.advance('4s');

    const late = await join('late');

    expect(late.resilience.circuit('provider').snapshot()).toMatchObject({ state: 'open', retryAfterMs: 6_000 });
    await clock.advance('1s');
    expect([await late.call('t1'), await late.call('t2')]).toEqual(['refused', 'failed']);
  });

  it('knows what operators switched', async () => {
    const { replicas, join } = await cluster(1);
    replicas[0]!.resilience.circuit('provider').disable();
    await settle();

    expect((await join('late')).state).toBe('disabled');
  });
});

describe('A circuit per key', () => {
  it('is shared by its key, also where the key was forgotten or never seen', async () => {
    const { replicas } = await cluster(2);

    await replicas[0]!.trip('t1');
    for (const tenant of ['a', 'b', 'c', 'd']) await replicas[0]!.call(tenant);

    expect(await replicas[0]!.call('t1')).toBe('refused');
    expect([await replicas[1]!.call('t1'), await replicas[1]!.call('t2')]).toEqual(['refused', 'failed']);
  });
});

describe('What an operator does', () => {
  it.each([
    ['open', 'forced_open'],
    ['disable', 'disabled'],
    ['metricsOnly', 'metrics_only'],
  ] as const)('%s holds on all replicas, and close and reset end it there', async (act, state) => {
    for (const end of ['close', 'reset'] as const) {
      const { replicas, states } = await cluster(2);
      replicas[0]!.resilience.circuit('provider')[act]();
      await settle();
      expect(states()).toBe(`${state} ${state}`);

      replicas[1]!.resilience.circuit('provider')[end]();
      await settle();

      expect(states()).toBe('closed closed');
    }
  });

  it('beats what calls say: a circuit that is disabled does not open', async () => {
    const { server, replicas, states } = await cluster(2);
    await replicas[1]!.call();
    replicas[1]!.bus.cut();
    replicas[0]!.resilience.circuit('provider').disable();
    await replicas[1]!.call();
    expect(states()).toBe('disabled open');

    replicas[1]!.bus.heal();
    await settle();

    expect(states()).toBe('disabled disabled');
    expect(server.kept.get('provider')?.news.kind).toBe('disabled');
  });

  it('closes everywhere, also where it was closed here', async () => {
    const { replicas, states } = await cluster(2, { quorum: 2 });
    await replicas[0]!.trip();
    replicas[1]!.resilience.circuit('provider').close();
    await settle();

    expect(states()).toBe('closed closed');
  });

  it('survives a server that lost everything', async () => {
    const { clock, server, replicas, join } = await cluster(2);
    replicas[0]!.resilience.circuit('provider').open();
    await settle();
    server.flush();

    await clock.advance('4s');
    await settle();

    expect((await join('late')).state).toBe('forced_open');
  });
});

describe('Without anybody who answers', () => {
  it('each replica decides alone: opens, and probes by itself', async () => {
    const { clock, replicas, states } = await cluster(2);
    for (const { bus } of replicas) bus.cut();

    await replicas[0]!.trip();
    expect(states()).toBe('open closed');
    replicas[0]!.provider.isDown = false;
    await clock.advance('10s');

    expect(await replicas[0]!.call()).toBe('fine');
    expect(states()).toBe('closed closed');
  });

  it('what was open together is probed by each', async () => {
    const { clock, replicas } = await cluster(2);
    await replicas[0]!.trip();
    for (const { bus, provider } of replicas) {
      bus.cut();
      provider.isDown = false;
    }
    await clock.advance('10s');

    expect(await Promise.all(replicas.map((replica) => replica.call()))).toEqual(['fine', 'fine']);
  });

  it('what was decided alone is told on return', async () => {
    const { clock, replicas, states } = await cluster(3);
    replicas[0]!.bus.cut();
    await replicas[0]!.trip();
    await clock.advance('4s');
    expect(states()).toBe('open closed closed');

    replicas[0]!.bus.heal();
    await settle();

    expect(states()).toBe('open open open');
    expect(replicas[2]!.resilience.circuit('provider').snapshot().retryAfterMs).toBe(6_000);
  });

  it('an end of trouble that was found alone is told on return', async () => {
    const { clock, replicas, states } = await cluster(2);
    await replicas[0]!.trip();
    replicas[0]!.bus.cut();
    replicas[0]!.provider.isDown = false;
    await clock.advance('10s');
    await replicas[0]!.call();
    expect(states()).toBe('closed half_open');

    replicas[0]!.bus.heal();
    await settle();

    expect(states()).toBe('closed closed');
  });

  it('a switch of that time is told on return, and news that were missed are heard', async () => {
    const { replicas, states } = await cluster(2);
    replicas[0]!.bus.cut();
    replicas[0]!.resilience.circuit('provider').disable();
    await replicas[1]!.trip('t1');

    replicas[0]!.bus.heal();
    await settle();

    expect(states()).toBe('disabled disabled');
    expect(await replicas[0]!.call('t1')).toBe('refused');
  });

  it('an opening that has passed meanwhile is not told any more', async () => {
    const { clock, server, replicas, states } = await cluster(2);
    replicas[0]!.bus.cut();
    await replicas[0]!.trip();
    replicas[0]!.provider.isDown = false;
    await clock.advance('10s');
    await replicas[0]!.call();

    replicas[0]!.bus.heal();
    await settle();

    expect([states(), server.asked]).toEqual(['closed closed', []]);
  });

  it('everything that got lost while open still means one probe', async () => {
    const { clock, server, replicas } = await cluster(3);
    await replicas[0]!.trip();
    server.flush();
    await clock.advance('10s');
    await Promise.all(replicas.map((replica) => replica.call()));

    const outcomes = await Promise.all(replicas.map((replica) => replica.call()));

    expect(outcomes.filter((outcome) => outcome === 'failed')).toHaveLength(1);
    expect(replicas.map(({ provider }) => provider.calls).reduce((a, b) => a + b)).toBe(3);
  });

  it('lost news are found within the time of a look', async () => {
    const { clock, replicas, server, states } = await cluster(2);
    server.listeners.set('r1', () => undefined);
    await replicas[0]!.trip();
    expect(states()).toBe('open closed');

    await clock.advance('4s');
    await settle();

    expect(states()).toBe('open open');
  });
});

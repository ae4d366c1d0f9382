import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type SourceProcess, startSource } from '../processes/source-process.js';
import { freeze, thaw } from '../servers/freeze.js';
import { type RedisServer, startRedisServer } from '../servers/redis.server.js';
import { suiteWith } from '../servers/suite.js';

const describe = suiteWith(['redis-server'], 'circuits of replicas were');

const RECOVERY_MS = 1_500;
const THRESHOLD = 5;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** What the replicas call: it counts, and answers 503 while it is down. */
class Dependency {
  isDown = true;
  readonly calls: { readonly replica: string; readonly at: number; readonly down: boolean }[] = [];
  private watchers: (() => void)[] = [];

  static async start(): Promise<[Dependency, string]> {
    const dependency = new Dependency();
    const server = createServer((request, response) => {
      const down = dependency.isDown;
      dependency.calls.push({ replica: String(request.headers['replica']), at: performance.now(), down });
      response.writeHead(down ? 503 : 200).end();
      for (const look of dependency.watchers) look();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => (server.closeAllConnections(), server.close()));
    return [dependency, `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  }

  /** Resolves when so many calls have come since now. */
  more(count: number): Promise<void> {
    const enough = this.calls.length + count;
    return new Promise((resolve) =>
      this.watchers.push(() => {
        if (this.calls.length >= enough) resolve();
      }),
    );
  }
}

interface Setting {
  readonly redis: RedisServer | undefined;
  readonly gapsMs?: readonly number[];
  readonly commandTimeout?: string;
}

/** Three replicas that call a dependency which is up, until it is told to be down. */
async function start({ redis, gapsMs = [15, 15, 15], commandTimeout = '1s' }: Setting) {
  const [dependency, url] = await Dependency.start();
  dependency.isDown = false;
  const replicas = gapsMs.map((gap, index) => {
    const env = {
      REPLICA: `r${index}`,
      DEPENDENCY: url,
      REDIS: redis?.url ?? '',
      GAP_MS: String(gap),
      COMMAND_TIMEOUT: commandTimeout,
    };
    const replica = startSource('test/cluster/replica.child.ts', [], env);
    undo.push(async () => {
      replica.child.kill('SIGKILL');
      await replica.ended;
    });
    return replica;
  });
  await Promise.all(replicas.map((replica) => replica.line(/^up$/)));
  await dependency.more(10 * replicas.length);
  return { dependency, replicas };
}

const nth = (replica: SourceProcess, what: string, count: number) =>
  replica.line(/^circuit (.*)$/).then(async () => {
    for (;;) {
      if (replica.said.filter((line) => line === `circuit ${what}`).length >= count) return performance.now();
      await new Promise(setImmediate);
    }
  });
const all = (replicas: readonly SourceProcess[], what: string, count = 1) =>
  Promise.all(replicas.map((replica) => nth(replica, what, count)));
const spread = (times: readonly number[]): number => Math.round(Math.max(...times) - Math.min(...times));

function print(what: string, figures: Readonly<Record<string, number>>): void {
  process.stdout.write(`${what}: ${Object.entries(figures).map(([name, value]) => `${name} ${value}`).join(', ')}\n`); // prettier-ignore
}

/** Takes it down, and says how many calls it cost until all knew. */
async function fall({ dependency, replicas }: Awaited<ReturnType<typeof start>>) {
  const before = dependency.calls.length;
  dependency.isDown = true;
  const opened = await all(replicas, 'opened');
  return { failing: dependency.calls.slice(before).filter(({ down }) => down).length, openSpreadMs: spread(opened) };
}

/** Waits for so many calls of an open circuit, and says how many milliseconds are between them at least. */
async function probes(dependency: Dependency, count: number): Promise<{ least: number; by: number }> {
  const before = dependency.calls.length;
  await dependency.more(count);
  const seen = dependency.calls.slice(before, before + count);
  const gaps = seen.slice(1).map(({ at }, index) => at - seen[index]!.at);
  return { least: Math.min(...gaps), by: new Set(seen.map(({ replica }) => replica)).size };
}

async function server(settings: readonly string[] = [], port?: number): Promise<RedisServer> {
  const redis = await startRedisServer(settings, port);
  undo.push(() => redis.stop());
  return redis;
}

const UNEVEN = [15, 300, 300];

describe('Three replicas in three processes, one busy and two with few calls', () => {
  it('alone: each has to find out for itself, and each probes', async () => {
    const setting = await start({ redis: undefined, gapsMs: UNEVEN });

    const { failing, openSpreadMs } = await fall(setting);

    print('local circuits, uneven traffic', { failing, openSpreadMs });
    expect(failing).toBeGreaterThanOrEqual(3 * THRESHOLD);
  });

  it('with Redis: no more failing calls than the threshold and those in flight, one probe at a time, closed together', async () => {
    const setting = await start({ redis: await server(), gapsMs: UNEVEN });
    const { dependency, replicas } = setting;

    const { failing, openSpreadMs } = await fall(setting);
    const { least, by } = await probes(dependency, 4);
    dependency.isDown = false;
    const closeSpreadMs = spread(await all(replicas, 'closed'));

    print('shared circuits, uneven traffic', {
      failing,
      openSpreadMs,
      leastMsBetweenProbes: Math.round(least),
      proberReplicas: by,
      closeSpreadMs,
    });
    // Failures in a row: a replica with few calls may have had one on the way.
    expect(failing).toBeLessThanOrEqual(THRESHOLD + replicas.length);
    expect(least).toBeGreaterThan(RECOVERY_MS - 50);
  });
});

describe('Redis', () => {
  it('hears nothing while circuits are closed, but signs of life', async () => {
    const redis = await server();
    const { dependency } = await start({ redis, gapsMs: [0, 0, 0] });
    const monitor = new Redis(redis.url);
    undo.push(() => monitor.disconnect());
    const heard: string[][] = [];
    const watch = await monitor.monitor();
    undo.push(() => watch.disconnect());
    watch.on('monitor', (_at: string, args: string[], source: string) => source !== 'lua' && heard.push(args));
    const calls = 3_000;

    await dependency.more(calls);

    const signsOfLife = heard.filter((args) => args.includes('{nr:circuits}:r')).length;
    const others = heard.filter(
      (args) => !args.includes('{nr:circuits}:r') && !/^(client|info|hello|monitor)$/i.test(args[0]!),
    );
    print('closed circuits', { calls, commands: others.length, signsOfLife });
    expect(others).toEqual([]);
    expect(signsOfLife).toBeGreaterThan(0);
  });

  it('frozen: every replica decides alone, and they agree again when it goes on', async () => {
    const redis = await server();
    const setting = await start({ redis, commandTimeout: '50ms' });
    const { dependency, replicas } = setting;
    freeze(redis.child);

    const { failing } = await fall(setting);
    await all(replicas, 'half-opened', 1);
    dependency.isDown = false;
    await all(replicas, 'closed', 1);
    print('Redis frozen', { failing });
    expect(failing).toBeGreaterThanOrEqual(3 * THRESHOLD);
    thaw(redis.child);
    await Promise.all(
      replicas.map(async (replica) => {
        expect(await replica.line(/Redis does not answer, this replica decides alone/)).toBeTruthy();
      }),
    );

    // Back together: one that finds out is enough.
    const client = new Redis(redis.url);
    undo.push(() => client.disconnect());
    const life = await client.monitor();
    undo.push(() => life.disconnect());
    const answered = new Set<string>();
    await new Promise<void>((resolve) =>
      life.on('monitor', (_at: string, args: string[]) => {
        const replica = args.includes('{nr:circuits}:r') && args.find((arg) => /^r\d$/.test(arg));
        if (replica !== undefined && replica !== false) answered.add(replica);
        if (answered.size === 3) resolve();
      }),
    );
    const opened = replicas.map(({ said }) => said.filter((line) => line === 'circuit opened').length);
    dependency.isDown = true;
    await Promise.all(replicas.map((replica, index) => nth(replica, 'opened', opened[index]! + 1)));
    const { least } = await probes(dependency, 3);
    expect(least).toBeGreaterThan(RECOVERY_MS - 50);
  });

  it('killed and back without anything, while the circuit is open: still one probe', async () => {
    const redis = await server();
    const setting = await start({ redis });
    await fall(setting);
    await redis.stop();
    await server([], redis.port);

    const { least, by } = await probes(setting.dependency, 4);

    print('Redis killed and back empty', { leastMsBetweenProbes: Math.round(least), proberReplicas: by });
    expect(least).toBeGreaterThan(RECOVERY_MS - 50);
  });
});

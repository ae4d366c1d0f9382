import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import {
  ClusterConfigurationError,
  ClusterModule,
  type ClusterModuleOptions,
  RedisConnection,
} from '@nest-resilience/cluster';
import { ResilienceModule } from '@nest-resilience/core';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { Redis } from 'ioredis';
import { freePort } from '../servers/port.js';
import { findProgram } from '../servers/program.js';
import { type RedisServer, startRedisServer, startSentinel } from '../servers/redis.server.js';
import { suiteWith } from '../servers/suite.js';

const describe = suiteWith(['redis-server'], 'the connection of replicas to Redis was');

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function server(settings: readonly string[] = [], port?: number): Promise<RedisServer> {
  const started = await startRedisServer(settings, port);
  undo.push(() => started.stop());
  return started;
}

async function start(options: ClusterModuleOptions): Promise<INestApplicationContext> {
  class Application {}
  const imports = [
    ...[ScheduleModule.forRoot(), ResilienceModule.forRoot(), HealthModule.forRoot()],
    // A busy machine is no Redis that is away.
    ClusterModule.forRoot({ commandTimeout: '10s', ...options }),
  ];
  const application = await NestFactory.createApplicationContext(
    { module: Application, imports },
    { logger: false, abortOnError: false },
  );
  undo.push(() => application.close());
  return application;
}

const failure = (options: ClusterModuleOptions): Promise<unknown> =>
  start(options).then(
    () => 'started',
    (error: unknown) => error,
  );

async function troublesOf(options: ClusterModuleOptions): Promise<string> {
  return (await start(options)).get(RedisConnection).troubles.join('; ');
}

const USER = ['--user', 'nr', 'on', '>secret-123', '~{nr}:*', '~{nr:*}:*', '&nr:*', '+@all', '-@admin', '-@dangerous'];

describe('At boot, of a Redis that will never work as it is set up', () => {
  it.each<[string, string[], string, RegExp]>([
    [
      'a wrong password',
      [...USER, '+info'],
      'redis://nr:other-123@',
      /refuses the password of user 'nr'.*Correct user and password/,
    ],
    [
      'a missing password',
      ['--requirepass', 'secret-123'],
      'redis://',
      /asks for a password.*redis:\/\/user:password@host/,
    ],
    [
      'INFO that is not allowed',
      USER,
      'redis://nr:secret-123@',
      /may not run INFO.*Allow it: ACL SETUSER nr on ~\{nr\}:\* .*\+info/,
    ],
    ['EVAL that is not allowed', [...USER, '+info', '-eval'], 'redis://nr:secret-123@', /may not run EVAL\./],
    ['TIME that is not allowed', [...USER, '+info', '-time'], 'redis://nr:secret-123@', /may not run TIME\./],
  ])('%s is one clear error', async (_what, settings, url, words) => {
    const { port } = await server(settings);

    const error = await failure({ redis: `${url}127.0.0.1:${port}` });

    expect(error).toBeInstanceOf(ClusterConfigurationError);
    expect(error).toMatchObject({ code: 'RESILIENCE_CLUSTER_CONFIGURATION', message: expect.stringMatching(words) });
    expect(String(error)).not.toMatch(/secret|other-123/);
  });

  it('keys of another prefix are one clear error', async () => {
    const { port } = await server([...USER, '+info']);

    const error = await failure({ redis: `redis://nr:secret-123@127.0.0.1:${port}`, prefix: 'mine' });

    expect(String(error)).toMatch(
      /may not use the keys of prefix 'mine'.*ACL SETUSER nr on ~\{mine\}:\* ~\{mine:\*\}:\* &mine:\*/,
    );
  });

  it('channels that are not allowed are one clear error', async () => {
    const { port } = await server([...USER.filter((rule) => rule !== '&nr:*'), 'resetchannels', '+info']);

    const error = await failure({ redis: `redis://nr:secret-123@127.0.0.1:${port}` });

    expect(String(error)).toMatch(/may not use the channels of prefix 'nr'/);
  });

  it('an old server is one clear error', async () => {
    const { port } = await server();
    const older = await proxyThat(
      (bytes) => bytes.replace(/redis_version:\d+\.\d+\.(\d+)/, 'redis_version:6.0.$1'),
      port,
    );

    expect(String(await failure({ redis: `redis://127.0.0.1:${older}` }))).toMatch(
      /its version 6\.0\.\d+ is too old.*Use Redis 6\.2/,
    );
  });

  it('a part of a Redis Cluster that is not called one is one clear error, and so is the reverse', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nr-cluster-'));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const part = await server(['--cluster-enabled', 'yes', '--dir', directory]);
    const alone = await server();

    const errors = [
      await failure({ redis: part.url }),
      await failure({ redis: `redis+cluster://127.0.0.1:${alone.port}` }),
    ];

    expect(String(errors[0])).toMatch(/is part of a Redis Cluster\. Write redis\+cluster:/);
    expect(String(errors[1])).toMatch(/it is no Redis Cluster\. Write redis:/);
  });
});

suiteWith(['redis-server', 'openssl'], 'Redis over TLS was')('Over TLS', () => {
  /** An authority and a certificate of it for localhost. */
  function certificates(): { readonly ca: string; readonly settings: string[]; readonly other: string } {
    const directory = mkdtempSync(join(tmpdir(), 'nr-tls-'));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const file = (name: string): string => join(directory, name);
    const program = findProgram('openssl') ?? 'nowhere: openssl must be installed';
    const openssl = (...args: string[]) => execFileSync(program, args, { stdio: 'ignore' });
    const authority = (name: string) =>
      openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-days', '2', '-subj', `/CN=${name}`); // prettier-ignore
    for (const name of ['ca', 'other']) authority(name);
    writeFileSync(file('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('s.key'), '-out', file('s.csr'), '-subj', '/CN=localhost'); // prettier-ignore
    openssl('x509', '-req', '-in', file('s.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-out', file('s.pem'), '-days', '2', '-extfile', file('san')); // prettier-ignore
    return {
      ...{ ca: file('ca.pem'), other: file('other.pem') },
      settings: ['--tls-cert-file', file('s.pem'), '--tls-key-file', file('s.key'), '--tls-ca-cert-file', file('ca.pem'), '--tls-auth-clients', 'no'], // prettier-ignore
    };
  }

  it('an own authority works as a file and as text, and without it is one clear error', async () => {
    const { ca, other, settings } = certificates();
    const tlsPort = await freePort();
    await server(['--tls-port', String(tlsPort), ...settings]);
    const redis = `rediss://127.0.0.1:${tlsPort}`;

    for (const given of [ca, readFileSync(ca, 'utf8')])
      expect((await start({ redis, ca: given })).get(RedisConnection).isAway).toBe(false);

    expect(String(await failure({ redis }))).toMatch(
      /no authority that is known here signed its certificate.*as option 'ca'/,
    );
    expect(String(await failure({ redis, ca: other }))).toMatch(
      /the authority in option 'ca' did not sign its certificate/,
    );
    expect(await troublesOf({ redis: `redis://127.0.0.1:${tlsPort}` })).toMatch(
      /a server that speaks TLS needs rediss:/,
    );
  });
});

describe('A Redis that works, and could be set up better', () => {
  it('degrades with words: what it evicts, and what it does not write down', async () => {
    const { url } = await server(['--maxmemory-policy', 'allkeys-lru']);

    const application = await start({ redis: url });

    const health = application.get(HealthRegistry);
    await health.run('cluster');
    const report = health.summary().checks.find(({ name }) => name === 'cluster');
    expect(report).toMatchObject({
      critical: false,
      status: 'degraded',
      reason: expect.stringMatching(/maxmemory-policy is allkeys-lru.*set noeviction; .*appendonly yes/),
    });
  });

  it('is up with noeviction and an append-only file, for a user who may do just enough', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nr-aof-'));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const { port } = await server(['--appendonly', 'yes', '--dir', directory, ...USER, '+info']);

    expect(await troublesOf({ redis: `redis://nr:secret-123@127.0.0.1:${port}` })).toBe('');
  });
});

describe('A Redis that is away at boot', () => {
  it('does not stop the application: it says so, and connects later', async () => {
    const port = await freePort();
    const application = await start({ redis: `redis://127.0.0.1:${port}` });
    const redis = application.get(RedisConnection);
    expect(redis.troubles.join()).toMatch(/does not answer: .*ECONNREFUSED/);

    await server([], port);
    while (redis.isAway) await new Promise(setImmediate);

    expect(redis.troubles.join()).not.toMatch(/does not answer/);
  });

  it('is waited for no longer than 5 s where it accepts and never says a word', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    undo.push(() => silent.close());
    const { port } = silent.address() as { port: number };

    expect(await troublesOf({ redis: `redis://127.0.0.1:${port}` })).toMatch(/no answer within 5 s/);
  });
});

describe('Behind others', () => {
  it('a Redis Cluster is used by its URL', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nr-cluster-'));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const here = ['--cluster-announce-ip', '127.0.0.1'];
    const { port } = await server(['--cluster-enabled', 'yes', '--dir', directory, ...here]);
    const node = new Redis(port);
    undo.push(() => node.disconnect());
    await node.cluster('ADDSLOTSRANGE', 0, 16_383);
    while (!(await node.cluster('INFO')).includes('cluster_state:ok')) await new Promise(setImmediate);

    expect((await start({ redis: `redis+cluster://127.0.0.1:${port}` })).get(RedisConnection).isAway).toBe(false);
  });

  it('the master that Sentinel names is used by its URL', async () => {
    const { port } = await server();
    const directory = mkdtempSync(join(tmpdir(), 'nr-sentinel-'));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    const sentinelPort = await freePort();
    writeFileSync(join(directory, 'sentinel.conf'), `sentinel monitor main 127.0.0.1 ${port} 1\n`);
    const sentinel = await startSentinel(join(directory, 'sentinel.conf'), sentinelPort);
    undo.push(() => sentinel.stop());

    expect(
      (await start({ redis: `redis+sentinel://127.0.0.1:${sentinelPort}/main` })).get(RedisConnection).isAway,
    ).toBe(false);
    expect(await troublesOf({ redis: `redis+sentinel://127.0.0.1:${sentinelPort}/other` })).toMatch(
      /is away|does not answer/,
    );
  });
});

async function proxyThat(rewrites: (bytes: string) => string, port: number): Promise<number> {
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.pipe(upstream);
    upstream.on('data', (bytes: Buffer) => client.write(rewrites(bytes.toString('latin1')), 'latin1'));
    for (const socket of [client, upstream])
      socket.on('error', () => undefined).on('close', () => (client.destroy(), upstream.destroy()));
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  undo.push(() => proxy.close());
  return (proxy.address() as { port: number }).port;
}

import { describe, expect, it } from '@jest/globals';

import { type ClusterModuleOptions, DEFAULT_CLUSTER_OPTIONS, readClusterOptions } from './cluster.options.js';
import { RedisNames } from './connection/redis-names.js';

const read = (redis: string, more: Partial<ClusterModuleOptions> = {}) => readClusterOptions({ redis, ...more });

describe('the options of ClusterModule', () => {
  it('have these defaults', () => {
    expect(DEFAULT_CLUSTER_OPTIONS).toEqual({
      ...{ prefix: 'nr', quorum: 1, lease: 10_000, sweep: 3_000, commandTimeout: 50 },
    });
  });

  it('give every process an id of its own', () => {
    expect(read('redis://a').replicaId).not.toBe(read('redis://a').replicaId);
    expect(read('redis://a', { replicaId: 'pod-7' }).replicaId).toBe('pod-7');
  });

  it.each([
    ['redis://a', { kind: 'server', hosts: [{ host: 'a', port: 6379 }], db: 0, tls: false }],
    ['redis://a:7000/3', { kind: 'server', hosts: [{ host: 'a', port: 7000 }], db: 3 }],
    ['redis://[::1]:7000', { hosts: [{ host: '::1', port: 7000 }], shown: 'redis://[::1]:7000' }],
    ['rediss://nr:s%40crets1@a', { tls: true, username: 'nr', password: 's@crets1', shown: 'rediss://nr@a' }],
    ['redis://:se@cr/et11@a', { username: undefined, password: 'se@cr/et11', shown: 'redis://a' }],
    [
      'redis+sentinel://h1,h2:7001/main',
      {
        kind: 'sentinel',
        master: 'main',
        hosts: [
          { host: 'h1', port: 26_379 },
          { host: 'h2', port: 7001 },
        ],
      },
    ],
    ['redis+sentinel://h1/main/2', { kind: 'sentinel', master: 'main', db: 2 }],
    ['rediss+cluster://h1,h2', { kind: 'cluster', tls: true, hosts: [{ host: 'h1' }, { host: 'h2' }] }],
  ])('understand %s', (url, target) => {
    expect(read(url).redis).toMatchObject(target);
  });

  it.each([
    ['http://a', /a URL such as/],
    ['a:6379', /a URL such as/],
    ['redis://', /a URL such as/],
    ['redis://a,b', /one host; of several say which/],
    ['redis://a:99999', /a host with or without a port/],
    ['redis://a/main', /number of a database/],
    ['redis+sentinel://h1', /the name of the master group/],
    ['redis+cluster://h1/2', /a Redis Cluster has only 0/],
    ['redis://secret12@a', /user:password or :password/],
    ['redis://u:secret%12%@a', /a percent sign as '%25'/],
  ])('refuse %s', (url, words) => {
    expect(() => read(url)).toThrow(words);
    expect(() => read(url)).not.toThrow(/secret/);
  });

  it('name everything that is wrong at once', () => {
    const given = { redis: 7, prefix: 'n r', replicaId: 'a b', quorum: 0, ca: 'no/such/file' } as never;

    expect(() => readClusterOptions(given)).toThrow(/redis:.*\n.*ca:.*\n.*prefix:.*\n.*replicaId:.*\n.*quorum:/);
    expect(() => readClusterOptions({} as never)).toThrow(/redis: got undefined, expected a URL such as/);
  });
});

describe('names in Redis', () => {
  it.each([
    ['nr', '{nr:circuits}', '{nr}', 'nr:circuits', '~{nr}:* ~{nr:*}:* &nr:*'],
    ['{mine}', '{mine}:circuits', '{mine}', '{mine}:circuits', '~{mine}:* &{mine}:*'],
    ['app:{mine}', 'app:{mine}:circuits', 'app:{mine}', 'app:{mine}:circuits', '~app:{mine}:* &app:{mine}:*'],
  ])('of prefix %s have one pair of braces', (prefix, keys, queues, channel, rules) => {
    const names = new RedisNames(read('redis://a', { prefix }).prefix);

    expect([names.keys('circuits'), names.queues, names.channel('circuits'), names.rules]).toEqual([
      ...[keys, queues, channel, rules],
    ]);
  });

  it.each(['', '{}', 'nr}', '{nr', '{a}{b}', 'n*', 'a b'])("refuse the prefix '%s'", (prefix) => {
    expect(() => read('redis://a', { prefix })).toThrow(/prefix: .*one pair of braces/);
  });
});

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { isKnownHere } from './hosts-file.js';
import { DEFAULT_NAME_LOOKUP_OPTIONS, nameLookup, type NameLookupOptions } from './name-lookup.js';
import { RequestClient } from './request.client.js';
import { readRequestOptions } from './request.options.js';

/** Names and what is answered for them: addresses, that there are none, or nothing at all. */
type Zone = Readonly<Record<string, readonly string[] | 'unknown' | 'silent' | 'silent for IPv6'>>;

let dns: Socket;
let server: Server;
/** `name/type` of each question. */
let asked: string[];
let zone: Zone;
let servers: string[];
let port: number;

beforeEach(async () => {
  asked = [];
  dns = createSocket('udp4').on('message', (query, from) => {
    const answer = answerTo(query);
    if (answer) dns.send(answer, from.port, from.address);
  });
  dns.bind(0, '127.0.0.1');
  server = createServer((_request, response) => response.end('here')).listen(0, '127.0.0.1');
  await Promise.all([once(dns, 'listening'), once(server, 'listening')]);
  servers = [`127.0.0.1:${dns.address().port}`];
  ({ port } = server.address() as AddressInfo);
});

afterEach(() => {
  dns.close();
  server.close();
});

/** The few bytes of RFC 1035 that one question needs. */
function answerTo(query: Buffer): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const type = query.readUInt16BE(at + 1);
  const name = labels.join('.').toLowerCase();
  asked.push(`${name}/${type}`);
  const known = zone[name] ?? 'unknown';
  if (known === 'silent' || (known === 'silent for IPv6' && type === 28)) return undefined;
  const addresses = known === 'silent for IPv6' ? ['127.0.0.1'] : known === 'unknown' ? [] : known;
  const records = (type === 1 ? addresses : []).map((address) => {
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
    return Buffer.concat([record, Buffer.from(address.split('.').map(Number))]);
  });
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | (known === 'unknown' ? 3 : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, query.subarray(12, at + 5), ...records]);
}

const lookup = (more: Partial<NameLookupOptions> = {}) =>
  nameLookup({ clock: systemClock, servers, isKnownHere: async () => false, ...more });

const nobody = async (host: string) => Promise.reject(Object.assign(new Error(`no ${host}`), { code: 'ENOTFOUND' }));

describe('looking up the names of http nodes', () => {
  it('has these defaults', () => {
    expect(DEFAULT_NAME_LOOKUP_OPTIONS).toEqual({ deadlineMs: 5_000, otherFamilyMs: 200 });
  });

  it('goes on for good names while others never get an answer', async () => {
    zone = { 'good.test': ['127.0.0.1'], 'silent.test': 'silent' };
    for (let n = 0; n < 20; n++) zone = { ...zone, [`silent-${n}.test`]: 'silent' };
    const clock = new FakeClock();
    const options = readRequestOptions({ allow: ['good.test'], timeout: '1h' });
    const client = new RequestClient(options, clock, lookup({ clock }));
    const request = { method: 'GET', headers: {}, body: undefined, maxBytes: undefined };
    const send = (host: string) =>
      client.send({ ...request, url: `http://${host}:${port}/` }, new AbortController().signal);
    const silent = [...Array(20).keys()].flatMap((n) => [send('silent.test'), send(`silent-${n}.test`)]);
    const ends = Promise.allSettled(silent);

    const good = await send('good.test');
    await clock.advance(DEFAULT_NAME_LOOKUP_OPTIONS.deadlineMs);

    expect(good.body.toString()).toBe('here');
    for (const end of await ends)
      expect(end).toMatchObject({ reason: { code: 'EAI_AGAIN', message: expect.stringContaining('did not answer') } });
  });

  it('asks once for all who want the same name at the same time', async () => {
    zone = { 'good.test': ['127.0.0.1', '127.0.0.2'] };
    const resolve = lookup();

    const answers = await Promise.all(Array.from({ length: 10 }, () => resolve('good.test')));

    expect(new Set(asked)).toEqual(new Set(['good.test/1', 'good.test/28']));
    expect(asked).toHaveLength(2);
    expect(answers[9]).toEqual(expect.arrayContaining([{ address: '127.0.0.1', family: 4 }]));
    await resolve('good.test');
    expect(asked).toHaveLength(4);
  });

  it('does not wait for a family that is never answered for', async () => {
    zone = { 'half.test': 'silent for IPv6' };

    expect(await lookup()('half.test')).toEqual([{ address: '127.0.0.1', family: 4 }]);
  });

  it('asks the machine for what DNS does not know, for one name at a time', async () => {
    zone = {};
    const waiting: (() => void)[] = [];
    const inside: string[] = [];
    let begun!: () => void;
    const oneBegan = new Promise<void>((resolve) => (begun = resolve));
    const system = async (host: string) => {
      inside.push(host);
      begun();
      await new Promise<void>((resolve) => waiting.push(resolve));
      return [{ address: '10.0.0.1', family: 4 }];
    };
    const resolve = lookup({ system });

    const both = Promise.all([resolve('svc.cluster'), resolve('other.cluster')]);
    await oneBegan;
    expect(inside).toHaveLength(1);
    while (inside.length < 2) {
      waiting.shift()?.();
      await new Promise((turn) => setImmediate(turn));
    }
    for (const go of waiting) go();

    expect(await both).toEqual([[{ address: '10.0.0.1', family: 4 }], [{ address: '10.0.0.1', family: 4 }]]);
    expect(new Set(inside)).toEqual(new Set(['svc.cluster', 'other.cluster']));
  });

  it('tells what the machine said of a name that nobody knows', async () => {
    zone = {};

    await expect(lookup({ system: nobody })('nobody.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('asks nobody for a name that the machine knows itself', async () => {
    zone = { 'archive.internal': 'silent' };
    const directory = mkdtempSync(join(tmpdir(), 'hosts-'));
    const file = join(directory, 'hosts');
    writeFileSync(file, '# 127.0.0.9 commented\n127.0.0.1\tlocalhost\n10.0.0.7  other Archive.Internal # mine\n');
    const resolve = lookup({
      isKnownHere: (host) => isKnownHere(host, file),
      system: async () => [{ address: '10.0.0.7', family: 4 }],
    });

    expect(await resolve('archive.internal')).toEqual([{ address: '10.0.0.7', family: 4 }]);
    expect(asked).toEqual([]);
    expect(await Promise.all(['localhost', 'x.localhost', 'other.', 'commented', 'mine'].map((host) => isKnownHere(host, file)))).toEqual([true, true, true, false, false]); // prettier-ignore
    rmSync(directory, { recursive: true, force: true });
  });

  it('finds the names of this machine', async () => {
    expect(await nameLookup({ clock: systemClock })('localhost')).toContainEqual({ address: '127.0.0.1', family: 4 });
  });
});

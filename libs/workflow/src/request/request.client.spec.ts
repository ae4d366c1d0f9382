import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import type { Resolve } from './lookup.js';
import { type OutgoingRequest, RequestClient } from './request.client.js';
import { DEFAULT_REQUEST_OPTIONS, readRequestOptions, type RequestOptions } from './request.options.js';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(answer: Answer): Promise<{ url: string; port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen };
}

const client = (options: RequestOptions = {}, resolve?: Resolve) =>
  new RequestClient(readRequestOptions(options), systemClock, resolve);
const get = (url: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest => ({
  url,
  method: 'GET',
  headers: {},
  body: undefined,
  maxBytes: undefined,
  ...more,
});
const { signal } = new AbortController();
const names =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('a request to where a file or data says', () => {
  it.each([
    ['loopback', 'http://127.0.0.1/'],
    ['loopback in one number', 'http://2130706433/'],
    ['loopback in octal', 'http://0177.0.0.1/'],
    ['loopback in hex', 'http://0x7f.1/'],
    ['loopback of IPv6', 'http://[::1]/'],
    ['loopback of IPv4 within IPv6', 'http://[::ffff:127.0.0.1]/'],
    ['loopback behind a translator', 'http://[64:ff9b::7f00:1]/'],
    ['loopback behind a stateless translator', 'http://[::ffff:0:7f00:1]/'],
    ['a private network behind a stateless translator', 'http://[::ffff:0:10.1.2.3]/'],
    ['a dummy prefix', 'http://[100:0:0:1::1]/'],
    ['a discard prefix', 'http://[100::1]/'],
    ['the metadata of clouds', 'http://169.254.169.254/latest/meta-data/'],
    ['the platform of Azure', 'http://168.63.129.16/machine?comp=goalstate'],
    ['the platform of Azure within IPv6', 'http://[::ffff:168.63.129.16]/'],
    ['the metadata of Alibaba', 'http://100.100.100.200/latest/'],
    ['the metadata of Oracle', 'http://192.0.0.192/opc/v2/'],
    ['the metadata of clouds in mixed notation', 'http://0xa9.254.0251.254/'],
    ['loopback in wide digits', 'http://１２７。０．0.1/'],
    ['the metadata of clouds over IPv6', 'http://[fd00:ec2::254]/'],
    ['a private network', 'http://10.1.2.3/'],
    ['another private network', 'http://172.31.255.255/'],
    ['a home network', 'http://192.168.1.1/'],
    ['a carrier network', 'http://100.100.100.200/'],
    ['this host', 'http://0.0.0.0:22/'],
    ['a broadcast', 'http://255.255.255.255/'],
    ['a multicast group', 'http://224.0.0.1/'],
    ['a link-local address', 'http://[fe80::1]/'],
  ])('refuses %s', async (_, url) => {
    await expect(client().send(get(url), signal)).rejects.toMatchObject({
      code: 'RESILIENCE_REQUEST_REFUSED',
      isRetryable: false,
      message: expect.stringMatching(/is a .* address; if it is meant, add it to .*requests: \{ allow/),
    });
  });

  it.each([
    ['another scheme', 'file:///etc/passwd', /only http and https/],
    ['yet another scheme', 'gopher://example.com/', /only http and https/],
    ['a user and password', 'http://user:secret@example.com/', /use headers/],
    ['no URL at all', 'example', /no absolute URL/],
  ])('refuses %s', async (_, url, message) => {
    const error = await client()
      .send(get(url), signal)
      .catch((thrown: unknown) => thrown as Error);

    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain('secret');
  });

  it('refuses a public name with a private address, even beside a public one', async () => {
    const one = client({}, names('93.184.216.34', '10.0.0.7')).send(get('http://shop.example/'), signal);

    await expect(one).rejects.toThrow(/'shop\.example' resolves to 10\.0\.0\.7, which is a private address/);
  });

  it('refuses localhost as it really resolves', async () => {
    await expect(client().send(get('http://localhost:9/'), signal)).rejects.toThrow(/is a loopback address/);
  });

  it('connects to the address that was checked: a name that leads elsewhere a moment later leads nowhere', async () => {
    const { port, seen } = await serve((_, response) => response.end('private'));
    let asked = 0;
    const rebinding: Resolve = async () => [{ address: ++asked === 1 ? '203.0.113.1' : '127.0.0.1', family: 4 }];
    const honest: Resolve = async () => {
      asked++;
      return [{ address: '127.0.0.1', family: 4 }];
    };

    const attack = client({ allow: ['203.0.113.0/24'], timeout: 200 }, rebinding);
    await expect(attack.send(get(`http://rebind.example:${port}/`), signal)).rejects.toThrow();
    expect({ asked, seen: seen.length }).toEqual({ asked: 1, seen: 0 });
    await client({ allow: ['127.0.0.1'] }, honest).send(get(`http://rebind.example:${port}/`), signal);

    expect({ asked, seen: seen.length }).toEqual({ asked: 2, seen: 1 });
  });

  it.each([
    ['an address', (port: number) => [`127.0.0.1:${port}`]],
    ['a range', () => ['127.0.0.0/8']],
    ['a name', (port: number) => [`archive.internal:${port}`]],
    ['any name below one', () => ['*.internal']],
  ])('calls a private destination that is allowed as %s', async (_, allow) => {
    const { port } = await serve((_request, response) => response.end('ok'));

    const answer = await client({ allow: allow(port) }, names('127.0.0.1')).send(
      get(`http://archive.internal:${port}/`),
      signal,
    );

    expect(answer.body.toString()).toBe('ok');
  });

  it.each([
    ['another port', ['archive.internal:1']],
    ['another name', ['internal']],
    ['a name that merely ends alike', ['*.chive.internal']],
  ])('does not take %s for an allowed one', async (_, allow) => {
    const { port, seen } = await serve((_request, response) => response.end('ok'));

    await expect(
      client({ allow }, names('127.0.0.1')).send(get(`http://archive.internal:${port}/`), signal),
    ).rejects.toThrow(/loopback/);
    expect(seen).toEqual([]);
  });

  it('does not let an allowed name reach the metadata of clouds', async () => {
    const attack = client({ allow: ['archive.internal'] }, names('169.254.169.254'));

    await expect(attack.send(get('http://archive.internal/'), signal)).rejects.toThrow(/link-local/);
  });

  describe('that is redirected', () => {
    it.each([
      ['to the metadata of clouds', 'http://169.254.169.254/', /link-local/],
      ['to another port of this host', 'http://127.0.0.1:1/', /loopback/],
      ['to a file', 'file:///etc/passwd', /only http and https/],
      ['to no URL', 'http://[', /no URL/],
    ])('is refused %s', async (_, location, message) => {
      const { url, port } = await serve((_request, response) => response.writeHead(302, { location }).end());

      await expect(client({ allow: [`127.0.0.1:${port}`] }).send(get(url), signal)).rejects.toThrow(message);
    });

    it('tells another origin no header that may be a secret', async () => {
      const other = await serve((_, response) => response.end('there'));
      const first = await serve((_, response) => response.writeHead(307, { location: other.url }).end());
      const headers = { authorization: 'Bearer x', 'x-api-key': 'y', accept: 'text/plain' };

      const answer = await client({ allow: ['127.0.0.1'] }).send(get(first.url, { headers }), signal);

      expect(answer).toMatchObject({ status: 200, url: `${other.url}/` });
      expect(first.seen[0]?.headers).toMatchObject(headers);
      expect(other.seen[0]?.headers).toMatchObject({ accept: 'text/plain' });
      expect(other.seen[0]?.headers).not.toHaveProperty('authorization');
      expect(other.seen[0]?.headers).not.toHaveProperty('x-api-key');
    });

    it('asks with GET and without the body after a 303', async () => {
      const { url, seen } = await serve(({ url: path }, response) =>
        path === '/' ? response.writeHead(303, { location: '/done' }).end() : response.end('done'),
      );

      await client({ allow: ['127.0.0.1'] }).send(get(url, { method: 'POST', body: '{}' }), signal);

      expect(seen.map(({ method, url: path }) => [method, path])).toEqual([
        ['POST', '/'],
        ['GET', '/done'],
      ]);
    });

    it('in circles ends', async () => {
      const { url, seen } = await serve((_, response) => response.writeHead(302, { location: '/' }).end());

      const answer = client({ allow: ['127.0.0.1'], maxRedirects: 3 }).send(get(url), signal);

      await expect(answer).rejects.toThrow(/redirected more than 3 times/);
      expect(seen).toHaveLength(4);
    });
  });

  it('reads no answer that is announced too large, and no more than allowed of one that is not', async () => {
    let written = 0;
    const { url } = await serve((request, response) => {
      if (request.url === '/announced')
        return void response.writeHead(200, { 'content-length': 10_000_000 }).flushHeaders();
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      return more();
    });
    const small = client({ allow: ['127.0.0.1'], maxBytes: 100_000 });
    const tooLarge = { code: 'RESILIENCE_REQUEST_TOO_LARGE', isRetryable: false };

    await expect(small.send(get(`${url}/announced`), signal)).rejects.toMatchObject(tooLarge);
    await expect(small.send(get(`${url}/endless`), signal)).rejects.toMatchObject(tooLarge);

    expect(written).toBeLessThan(50_000_000);
  });

  it('gives up an answer that trickles when its time is over, and one nobody waits for at once', async () => {
    const clock = new FakeClock();
    const { url, seen } = await serve((_, response) => void response.writeHead(200).write('a'));
    const slow = new RequestClient(readRequestOptions({ allow: ['127.0.0.1'], timeout: '5s' }), clock);
    const caller = new AbortController();

    const late = slow.send(get(url), signal).catch((error: unknown) => error);
    const left = slow.send(get(url), caller.signal).catch((error: unknown) => error);
    while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
    caller.abort(new Error('gone'));
    expect(await left).toMatchObject({ message: 'gone' });
    await clock.advance('5s');

    expect(await late).toMatchObject({ code: 'RESILIENCE_TIMEOUT', afterMs: 5_000 });
  });
});

describe('the options of requests', () => {
  it('have these defaults', () => {
    expect(DEFAULT_REQUEST_OPTIONS).toEqual({ timeout: 30_000, maxBytes: 1_048_576, maxRedirects: 5 });
    expect(readRequestOptions(undefined)).toEqual({ ...DEFAULT_REQUEST_OPTIONS, allow: [] });
  });

  it('name everything that is wrong at once', () => {
    const read = () =>
      readRequestOptions({
        allow: ['http://x', '10.0.0.0/99', 'a:99999', ''],
        timeout: 0,
        maxBytes: 0,
        maxRedirects: -1,
      });

    expect(read).toThrow(/7 options are not usable/);
  });
});

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requireBuilt } from './built.js';
import { operationsOf, type OpenApi } from './fuzzer/requests.js';
import { type ServiceProcess, startService } from './service-process.js';

const TOKEN = 'only-for-this-test';

const SUBMISSIONS = 300;

let directory: string;
/** The one that all attacks share: what one of them breaks, the next one finds. */
let service: ServiceProcess;
const services: ServiceProcess[] = [];

beforeAll(async () => {
  requireBuilt('resilience', 'store-sql', 'workflow', 'llm');
  directory = mkdtempSync(join(tmpdir(), 'attack-http-'));
  service = await start({ ADMIN_TOKEN: TOKEN });
});

afterAll(() => {
  for (const { child } of services) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function start(env: Record<string, string>): Promise<ServiceProcess> {
  const started = await startService({ DATA_DIR: join(directory, `data-${services.length}`), ...env });
  services.push(started);
  return started;
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

async function ask(
  { url }: ServiceProcess,
  { method = 'GET', path, headers = {}, body }: Asked,
): Promise<[number, string]> {
  const { hostname, port } = new URL(url);
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const outgoing = request({ agent: false, hostname, port, method, path, headers: { ...length, ...headers } });
  // A body that is refused before it has been sent leaves the rest of it without a reader.
  outgoing.on('error', () => undefined).end(body);
  const [incoming] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
  return [incoming.statusCode!, await text(incoming)];
}

/** What comes back for these bytes, as they are, until the other side or a second of silence ends it. */
function say({ url }: ServiceProcess, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    socket.setEncoding('latin1').setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk: string) => (answer += chunk)).on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

const residentMib = ({ child }: ServiceProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024;

async function guardedRoutes(service: ServiceProcess): Promise<Asked[]> {
  const [, document] = await ask(service, { path: '/openapi-json' });
  const operations = operationsOf(JSON.parse(document) as OpenApi).filter(({ isGuarded }) => isGuarded);
  return operations.map(({ method, path }) => ({ method, path: path.replace(/\{\w+\}/, 'x') }));
}

/** Headers that are not the token, each of a kind. */
const FORMS: readonly Readonly<Record<string, string | string[]>>[] = [
  {},
  { authorization: '' },
  { authorization: 'Bearer' },
  { authorization: 'Bearer ' },
  { authorization: TOKEN },
  { authorization: `Basic ${Buffer.from(`admin:${TOKEN}`).toString('base64')}` },
  { authorization: `Token ${TOKEN}` },
  { authorization: `Bearer ${TOKEN}x` },
  { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
  { authorization: `Bearer ${TOKEN.toUpperCase()}` },
  { authorization: `Bearer "${TOKEN}"` },
  { authorization: `Bearer ${TOKEN},${TOKEN}` },
  { authorization: `Bearer wrong Bearer ${TOKEN}` },
  { authorization: `Bearer ${encodeURIComponent(`${TOKEN}\0`)}` },
  { authorization: `Bearer ${'x'.repeat(8_000)}` },
  { authorization: [`Bearer wrong`, `Bearer ${TOKEN}`] },
  { 'proxy-authorization': `Bearer ${TOKEN}` },
  { 'x-authorization': `Bearer ${TOKEN}` },
  { 'x-forwarded-authorization': `Bearer ${TOKEN}` },
  { cookie: `authorization=Bearer ${TOKEN}` },
];

describe('whoever has no token', () => {
  it('gets into no guarded route, whatever stands in its place', async () => {
    const routes = await guardedRoutes(service);
    const inside: string[] = [];

    for (const route of routes) {
      for (const headers of FORMS) {
        const [status] = await ask(service, { ...route, headers });
        if (status !== 401) inside.push(`${route.method} ${route.path} ${JSON.stringify(headers)}: ${status}`);
      }
      const [status] = await ask(service, { ...route, path: `${route.path}?token=${TOKEN}&access_token=${TOKEN}` });
      if (status !== 401) inside.push(`${route.path}?token: ${status}`);
    }

    process.stdout.write(
      `${routes.length} guarded routes x ${FORMS.length + 1} forms of credentials: ${inside.length} inside\n`,
    );
    expect(routes.length).toBeGreaterThan(20);
    expect(inside).toEqual([]);
    const [status] = await ask(service, { path: '/dead-letters', headers: { authorization: `bEARER ${TOKEN}` } });
    expect(status).toBe(200);
  });

  it('gets into none where no token is set, either', async () => {
    const closed = await start({});
    const statuses = new Set<number>();

    for (const route of await guardedRoutes(service)) statuses.add((await ask(closed, route))[0]);

    expect([...statuses]).toEqual([403]);
  });

  it.each([
    '//dead-letters',
    '/./dead-letters',
    '/health/../dead-letters',
    '/health/live/../../dead-letters',
    '/%64ead-letters',
    '/dead%2dletters',
    '/dead-letters/',
    '/dead-letters//',
    '/DEAD-LETTERS',
    '/dead-letters%00',
    '/dead-letters%2f',
    '/dead-letters;x=1',
    '/dead-letters?',
    '/dead-letters#x',
    '/health%2f..%2fdead-letters',
    '/%2e%2e/dead-letters',
    '/..;/dead-letters',
    '/\\dead-letters',
    '/executions/..%2fdead-letters',
    '/openapi/../dead-letters',
    '/openapi/..%2f..%2f..%2fetc%2fpasswd',
    '/openapi/../../package.json',
    '/openapi/....//....//package.json',
    '/openapi/%2e%2e/%2e%2e/package.json',
    '/resilience/circuits/../../dead-letters',
    'http://127.0.0.1/dead-letters',
    'http://evil.example/dead-letters',
  ])('reads nothing by the path %s', async (path) => {
    const answer = await say(service, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

    expect(answer).toMatch(/^HTTP\/1\.1 (400|401|403|404) /);
    expect(answer).not.toMatch(/"items"|root:|"dependencies"/);
  });

  it.each([
    ['two lengths', 'POST /dead-letters/purge HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    [
      'a length and chunks',
      'POST /dead-letters/purge HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an odd encoding', 'POST /dead-letters/purge HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['a length that is none', 'POST /dead-letters/purge HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    ['a broken chunk', 'POST /health/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['headers without an end', `GET / HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(5_000)}\r\n`],
    ['one header of a megabyte', `GET / HTTP/1.1\r\nHost: x\r\na: ${'b'.repeat(1_000_000)}\r\n\r\n`],
    ['a line of a megabyte', `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['no host', 'GET /dead-letters HTTP/1.1\r\nConnection: close\r\n\r\n'],
    ['a header folded', `GET /dead-letters HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n ${TOKEN}\r\n\r\n`],
    ['a space before the colon', `GET /dead-letters HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer ${TOKEN}\r\n\r\n`],
    ['another protocol', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['CONNECT', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an upgrade', 'GET /dead-letters HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ["a method of one's own", 'PURGE /dead-letters HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('gets no further with %s', async (_, bytes) => {
    const answer = await say(service, bytes);

    expect(answer).not.toMatch(/^HTTP\/1\.1 [235]|"items"/);
    expect((await ask(service, { path: '/health/live' }))[0]).toBe(200);
  });
});

describe('whoever sends too much', () => {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const path = '/workflows/document-analysis/executions';
  const zeros = Buffer.from(`{"text":"${'0'.repeat(300_000_000)}"}`);
  const bombs: readonly (readonly [string, () => Buffer])[] = [
    ['gzip', () => gzipSync(zeros)],
    ['deflate', () => deflateSync(zeros)],
    ['br', () => brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ];

  it.each(bombs)('300 MB packed by %s are not unpacked', async (encoding, pack) => {
    const body = pack();
    const before = residentMib(service);

    const [status] = await ask(service, {
      method: 'POST',
      path,
      headers: { ...headers, 'content-encoding': encoding },
      body,
    });

    const grown = residentMib(service) - before;
    process.stdout.write(`${body.length} bytes of ${encoding}: ${status}, +${grown.toFixed()} MiB\n`);
    expect(status).toBe(413);
    expect(grown).toBeLessThan(100);
  });

  it('many inputs of 190 KB, four at a time, are taken with a heap of 128 MB', async () => {
    const small = await start({
      ADMIN_TOKEN: TOKEN,
      NODE_OPTIONS: '--max-old-space-size=128',
      EXECUTIONS_QUEUED: '5000',
    });
    const body = JSON.stringify({ raw: `Subject: x\r\n\r\n${'a word '.repeat(27_000)}` });
    const statuses = new Map<number, number>();
    let left = SUBMISSIONS;
    let mostMib = 0;

    const client = async (): Promise<void> => {
      while (left-- > 0) {
        const [status] = await ask(small, {
          method: 'POST',
          path: '/workflows/inbox-triage/executions',
          headers,
          body,
        });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        mostMib = Math.max(mostMib, residentMib(small));
      }
    };
    await Promise.all([client(), client(), client(), client()]);

    process.stdout.write(
      `${SUBMISSIONS} x 190 KB with a heap of 128 MB: ${JSON.stringify([...statuses])}, ${mostMib.toFixed()} MiB at most\n`,
    );
    expect([...statuses.keys()]).toEqual([202]);
    expect(small.child.exitCode).toBeNull();
  });
});

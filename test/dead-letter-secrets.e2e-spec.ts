import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeadLetter, DeadLetterService, type EventSink, ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { sqliteStore } from '@nest-resilience/store-sql';
import request from 'supertest';

const TOKEN = 'the-operator-may-come-in';

/** One way in which a secret gets into a call. */
type Shape = (secret: string) => unknown[];

class Credentials {
  readonly user = 'ada';
  constructor(readonly password: string) {}
}
class Session {
  #hidden = '';
  constructor(
    private readonly accessToken: string,
    readonly issued = new Date(0),
  ) {}
  get token(): string {
    return `${this.accessToken}${this.#hidden}`;
  }
}
class Child extends Session {
  constructor(readonly apiKey: string) {
    super(apiKey);
  }
}

const KEYS = [
  'password',
  'clientSecret',
  'accessToken',
  'X-Api-Key',
  'Cookie',
  'proxy-authorization',
  'api_key',
  'DB_PASSWORD',
];

const withGetter = (key: string, secret: string) =>
  Object.defineProperty({}, key, { get: () => secret, enumerable: true });
const causedBy = (cause: unknown) => new Error('outer', { cause: new TypeError('inner', { cause }) });
const nested = (depth: number, leaf: unknown): unknown => (depth === 0 ? leaf : { below: [nested(depth - 1, leaf)] });

/** Under a key that says what it is. */
const NAMED: readonly ((key: string, secret: string) => unknown[])[] = [
  (key, secret) => [{ [key]: secret }],
  (key, secret) => ['first', 2, { user: { profile: { [key]: secret } } }],
  (key, secret) => [nested(20, { [key]: secret })],
  (key, secret) => [[[{ a: 1 }, { [key]: secret }]]],
  (key, secret) => [{ [key]: [secret, 'other'] }],
  (key, secret) => [{ [key]: { value: { raw: secret } } }],
  (key, secret) => [{ [key]: new Map([['raw', secret]]) }],
  (key, secret) => [{ [key]: Buffer.from(secret) }],
  (key, secret) => [new Map<unknown, unknown>([['plain', 1], [key, secret]])], // prettier-ignore
  (key, secret) => [new Map([[{ id: 1 }, { [key]: secret }]])],
  (key, secret) => [new Set([{ [key]: secret }])],
  (key, secret) => [withGetter(key, secret)],
  (key, secret) => [Object.assign(new Credentials('x'), { [key]: secret })],
  (key, secret) => [Object.assign(Object.create(null) as object, { [key]: secret })],
  (key, secret) => [Object.assign(new Error('refused'), { [key]: secret })],
  (key, secret) => [causedBy({ [key]: secret })],
  (key, secret) => [{ config: { headers: { accept: '*/*', [key]: secret } } }],
  (key, secret) => [{ headers: [['accept', '*/*'], [key, secret]] }], // prettier-ignore
  (key, secret) => [{ rawHeaders: ['Host', 'example.org', key, secret] }],
  (key, secret) => [{ headers: [{ name: key, value: secret }] }],
  (key, secret) => [`https://example.org/path?a=1&${key}=${secret}&b=2`],
  (key, secret) => [new URL(`https://example.org/path?${key}=${secret}`)],
  (key, secret) => [JSON.stringify({ a: 1, [key]: secret })],
  (key, secret) => [JSON.stringify({ body: JSON.stringify({ [key]: secret }) })],
  (key, secret) => [{ body: `prefix ${JSON.stringify({ [key]: [secret] })}` }],
  (key, secret) => [Buffer.from(JSON.stringify({ [key]: secret }))],
  (key, secret) => [new Uint8Array(Buffer.from(`${key}=${secret}`))],
  (key, secret) => [`${key}: ${secret}`],
  (key, secret) => [`<a><${key}>${secret}</${key}></a>`],
  (key, secret) => [{ log: `line one\n${key} = "${secret}"\nline three` }],
  (key, secret) => [{ [key]: secret, text: 'x'.repeat(100_000) }],
  (key, secret) => [{ text: `${'x'.repeat(1_995)} ${key}=${secret}`, more: 'y'.repeat(100_000) }],
];

/** Where no key says it. */
const UNNAMED: readonly Shape[] = [
  (secret) => [`Bearer ${secret}`],
  (secret) => [`Basic ${Buffer.from(`ada:${secret}`).toString('base64')}`, { password: secret }],
  (secret) => [{ line: `Authorization: Digest username="ada", response="${secret}"` }],
  (secret) => [`POST / HTTP/1.1\r\nCookie: theme=dark; sid=${secret}\r\nHost: example.org\r\n`],
  (secret) => [`postgres://app:${secret}@db:5432/orders`],
  (secret) => [new URL(`redis://:${secret}@cache:6379`)],
  (secret) => [`postgres://app:p@${secret}@db/orders`],
  (secret) => [[`https://${secret}@example.org/repository.git`]],
  (secret) => [{ [`Bearer ${secret}`]: true }],
  (secret) => [new Map([[`https://a:${secret}@b`, 1]])],
  (secret) => [Symbol(`token=${secret}`)],
  (secret) => [new RegExp(`password=${secret}`)],
  (secret) => [new Session(secret)],
  (secret) => [new Child(secret)],
  (secret) => [new Credentials(secret)],
  (secret) => [new Headers({ authorization: `Bearer ${secret}` })],
  (secret) => [new URLSearchParams({ token: secret })],
  (secret) => [new Request('https://example.org', { headers: { cookie: secret } })],
  (secret) => [Object(`password=${secret}`) as unknown],
  (secret) => [{ user: 'ada', password: secret }, `logged in with ${secret}`],
  (secret) => [{ notes: [secret] }, { token: secret }],
  (secret) => ['run', '--password', secret],
  (secret) => [['curl', '-H', `Authorization: Bearer ${secret}`, '--token', secret]],
  (secret) => [`mysql --password ${secret} --host db`],
  (secret) => [new Error(`connect failed: password=${secret}`)],
  (secret) => [new AggregateError([new Error(secret)], `token: ${secret}`)],
  (secret) => [`{\\"password\\":\\"${secret}\\"}`],
  (secret) => [`%7B%22password%22%3A%22${secret}%22%7D`],
  (secret) => [`-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`],
  (secret) => [`eyJhbGciOiJub25lIn0.${secret}xxxxxxxx.`, { token: secret }],
  (secret) => [{ toJSON: () => ({ leaked: secret }), password: secret }],
  (secret) => [new Proxy({ password: secret }, {})],
  (secret) => [
    function named() {
      return secret;
    },
    { token: secret },
  ],
  (secret) => [{ config: { auth: { username: 'ada', password: secret } }, request: { _header: `Cookie: ${secret}` } }],
];

const SHAPES: readonly Shape[] = [
  ...NAMED.flatMap((shape, index) =>
    // Each shape with a handful of keys, each key with many shapes.
    [0, 1, 2, 3, 5].map((step) => (secret: string) => shape(KEYS[(index + step) % KEYS.length]!, secret)),
  ),
  ...UNNAMED,
  ...UNNAMED.slice(0, 8).map((shape): Shape => (secret) => [{ deep: nested(5, shape(secret)) }]),
];

let serial = 0;

@Injectable()
class Vault {
  @DeadLetter({
    queue: 'vault',
    idempotencyKey: (...args: unknown[]) =>
      `${serial++} ${args.at(-1) instanceof Uint8Array ? 'bytes' : String(args.at(-1))}`,
  })
  async open(...args: unknown[]): Promise<void> {
    const secret = secretOf.get(args);
    throw Object.assign(new Error(`the vault refused ${secret}`, { cause: new Error(`wrong: ${secret}`) }), {
      code: 'E_VAULT',
    });
  }

  @DeadLetter({ queue: 'plain' })
  async tell(...args: unknown[]): Promise<void> {
    throw new Error(`told ${args.length}`);
  }
}

/** Keeps the test's knowledge out of the arguments. */
const secretOf = { current: '', get: (_: unknown[]): string => secretOf.current };
const secrets = SHAPES.map((_, index) => `Zx9-Hidden${String(index).padStart(3, '0')}-Qq7w`);

let directory: string;
let app: INestApplication<Server>;
let ids: string[];
const events: string[] = [];

const listening: EventSink = {
  listens: () => true,
  emit: (name, payload) => {
    if (name.startsWith('resilience.dead-letter.')) events.push(`${name} ${JSON.stringify(payload)}`);
  },
};

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'secrets-'));
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({
        events: listening,
        deadLetter: {
          store: sqliteStore({ file: join(directory, 'dead-letters.db') }),
          spillDirectory: join(directory, 'spill'),
        },
      }),
      AdminModule.forRoot({ token: TOKEN }),
    ],
    providers: [Vault],
  }).compile();
  app = testing.createNestApplication({ logger: false });
  await app.init();
  ids = [];
  for (const [index, shape] of SHAPES.entries()) {
    secretOf.current = secrets[index]!;
    const error = await app.get(Vault).open(...shape(secretOf.current)).catch((each: unknown) => each); // prettier-ignore
    ids.push((error as { deadLetterId: string }).deadLetterId);
  }
});

afterAll(async () => {
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Shapes whose secret can be read there, by number. */
function leaksIn(text: string): string[] {
  return secrets.flatMap((secret, index) => {
    const forms = [
      secret,
      Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2),
      [...Buffer.from(secret)].join(','),
    ];
    return forms.some((form) => text.includes(form)) ? [`${index}: ${SHAPES[index]!.toString().slice(0, 90)}`] : [];
  });
}

function get(path: string) {
  return request(app.getHttpServer()).get(path).set('authorization', `Bearer ${TOKEN}`).buffer().expect(200);
}

describe(`the secrets of ${SHAPES.length} calls that failed`, () => {
  it('are two hundred at least, and each call was kept', () => {
    expect(SHAPES.length).toBeGreaterThanOrEqual(200);
    expect(ids.every((id) => typeof id === 'string')).toBe(true);
  });

  it('are in no byte of the database, its log or the spill', () => {
    const files = ['.', 'spill'].flatMap((below) => {
      const path = join(directory, below);
      if (!existsSync(path)) return [];
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => join(path, name));
    });

    const bytes = files.map((file) => readFileSync(file, 'latin1'));

    expect(files.length).toBeGreaterThanOrEqual(2);
    expect(bytes.join('').includes('the vault refused')).toBe(true);
    expect(bytes.flatMap(leaksIn)).toEqual([]);
  });

  it('are in no event', () => {
    expect(events.length).toBe(SHAPES.length);
    expect(events.flatMap(leaksIn)).toEqual([]);
  });

  it('are in no answer of the admin routes', async () => {
    const list = await get('/dead-letters?limit=1000');
    const single = await get(`/dead-letters/${ids[0]}`);
    const events = await get('/resilience/events?limit=1000');

    expect(list.text).toContain('the vault refused');
    expect([list.text, single.text, events.text].flatMap(leaksIn)).toEqual([]);
    let exported = '';
    for await (const line of app.get(DeadLetterService).export()) exported += line;
    expect(leaksIn(exported)).toEqual([]);
  });

  it('are missing in a way that can be seen: no such entry says that it can be replayed', async () => {
    const { body } = await get('/dead-letters?limit=1000');
    const replayable = (body as { items: { replayable: boolean; args: unknown }[] }).items.filter(
      (item) => item.replayable,
    );

    expect(replayable.map(({ args }) => args)).toEqual([]);
  });
});

describe('calls without a secret', () => {
  it.each<[string, unknown[]]>([
    ['words', ['the token expired, says the secretary, so bake a cookie', 'basic subscription to the API']],
    [
      'addresses',
      ['https://example.org:8080/@scope/name?page=2', 'mailto:ada@example.org', 'ssh://git@example.org/a.git'],
    ],
    ['JSON in a text', [JSON.stringify({ order: 'A-1', lines: [{ sku: 'x', n: 1 }] })]],
    ['bytes', [Buffer.from([0, 1, 2, 255]), new Uint8Array([112, 97, 115, 115])]],
    ['lists of names', [['name', 'email'], { name: 'color', value: 'red' }]], // prettier-ignore
  ])('are kept as they are and can be replayed: %s', async (_, args) => {
    const error = await app.get(Vault).tell(...args).catch((each: unknown) => each); // prettier-ignore

    const entry = await app.get(DeadLetterService).get((error as { deadLetterId: string }).deadLetterId);

    expect(entry?.notReplayable).toEqual([]);
    expect(entry?.args).toEqual(args);
  });
});

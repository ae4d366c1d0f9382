import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeadLetter, type EventSink, ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import { TelemetryModule } from '@nest-resilience/core/telemetry';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { WorkflowModule } from '@nest-resilience/workflow';
import { type INestApplication, Injectable, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import request from 'supertest';

const TOKEN = 'operator-of-the-secrets-suite';
const OWN = 'a list of the users own words';

/** What a downstream service, a driver or a gateway writes into its error: `S` stands for the secret. */
const SHAPES = [
  ...['pwd', 'passwd', 'pass', 'passphrase', 'pin', 'pw', 'credentials', 'access_key', 'private_key', 'privateKey'],
  ...['api.key', 'api__key', 'bearer', 'auth', 'sessionId', 'sid', 'jwt', 'signature', 'otp', 'cvv', 'iban', 'ssn', 'csrf'],
  ...['refresh', 'encryption_key', 'masterKey', 'x-hmac'],
]
  .map((name, index) => [`${name}=S`, `{"error":{"${name}":"S"}}`, `db refused, ${name}: S`][index % 3]!)
  .concat([
    ...['sk_live_S', 'rk_live_S', 'whsec_S', 'github_pat_11S', 'glpat-S', 'ya29.a0S', 'npm_S', 'hf_S', 'SG.SS.SS'],
    ...['https://hooks.slack.com/services/T0/B0/S', 'https://api.telegram.org/bot123456789:S/send', 'Server=db;Pwd=S;'],
    ...['https://b.blob.core.windows.net/c?sv=1&sig=S', 'https://s3.example/k?X-Amz-Signature=S', 'https://x.example/?key=S'],
    ...['https://x.example/cb?code=S', 'mysql -u root -pS orders', 'master key: S', 'session id: S', 'passwd&#61;S'],
    ...['postgres://app:S@db/orders', 'Authorization: Bearer S', '{"error":"db password=S"}'],
  ]); // prettier-ignore
const secrets = SHAPES.map((_, index) => `Zx9Hidden${String(index).padStart(3, '0')}Qq7wLong`);
const texts = SHAPES.map((shape, index) => shape.replaceAll('S', (letter, at: number) =>
  // Only where it stands alone: the S of "SG", "Server" and "X-Amz-Signature" is none.
  /^S(?![a-zG])/.test(shape.slice(at)) && letter ? secrets[index]! : letter,
)); // prettier-ignore

@Injectable()
class Vault {
  @DeadLetter('vault')
  async open(index: number): Promise<void> {
    const text = texts[index]!;
    throw new Error(`refused: ${text}`, { cause: new TypeError(`because ${text}`, { cause: `see ${text}` }) });
  }

  @DeadLetter('own')
  async tell(note: string): Promise<void> {
    throw new Error(`cannot tell ${note}`);
  }
}

let directory: string;
let app: INestApplication<Server>;
let vendor: Server;
const log: string[] = [];
const events: string[] = [];
const spans = new InMemorySpanExporter();

const listening: EventSink = {
  listens: () => true,
  emit: (name, payload) => {
    if (name.startsWith('resilience.dead-letter') || name.startsWith('resilience.health'))
      events.push(JSON.stringify(payload));
  },
};
const note = (...said: unknown[]): void => void log.push(said.map((each) => (each instanceof Error ? String(each.stack) : String(each))).join(' ')); // prettier-ignore
const logger: LoggerService = { log: note, error: note, warn: note, debug: note, verbose: note, fatal: note };

const workflow = (port: number) => `
name: ask
input: { type: object }
nodes:
  greet:
    http: { url: "http://127.0.0.1:${port}/headers" }
  ask:
    after: [greet]
    http: { url: "http://127.0.0.1:${port}/{{ $string(input.index) }}" }
`;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'secrets-everywhere-'));
  vendor = createServer((incoming, response) => {
    if (incoming.url === '/headers') {
      const credentials = ['authorization', 'x-api-key', 'x-auth-token', 'x-amz-security-token', 'x-session-id'];
      credentials.forEach((name) => response.setHeader(name, `${secrets[0]}`));
      return void response.setHeader('set-cookie', `sid=${secrets[0]}`).setHeader('x-kind', 'plain').end('fine');
    }
    response.statusCode = 500;
    response.end(texts[Number(incoming.url?.slice(1))]);
  });
  await new Promise<void>((done) => vendor.listen(0, '127.0.0.1', done));
  const { port } = vendor.address() as AddressInfo;
  const file = join(directory, 'data.db');
  mkdirSync(join(directory, 'workflows'));
  writeFileSync(join(directory, 'workflows', 'ask.yaml'), workflow(port));
  const testing = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({
        events: listening,
        secrets: [OWN],
        deadLetter: { store: sqliteStore({ file }), spillDirectory: join(directory, 'spill') },
      }),
      AdminModule.forRoot({ token: TOKEN }),
      HealthModule.forRoot({ store: true }),
      TelemetryModule.forRoot({
        tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
      }),
      WorkflowModule.forRoot({
        store: sqliteExecutionStore({ file }),
        directory: join(directory, 'workflows'),
        requests: { allow: ['127.0.0.1'] },
      }),
    ],
    providers: [Vault],
  }).compile();
  app = testing.createNestApplication();
  app.useLogger(logger);
  const health = app.get(HealthRegistry);
  texts.forEach((text, index) =>
    health.register(`vendor-${index}`, () => ({ status: 'down', reason: `no: ${text}`, details: { last: text } }), {
      critical: false,
    }),
  );
  await app.init();
  for (const index of texts.keys()) await app.get(Vault).open(index).catch(() => undefined); // prettier-ignore
});

afterAll(async () => {
  await app.close();
  vendor.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Shapes whose secret can be read there. */
function leaksIn(text: string): string[] {
  return SHAPES.filter((_, index) => text.includes(secrets[index]!));
}

async function get(path: string): Promise<string> {
  const answer = await request(app.getHttpServer()).get(path).set('authorization', `Bearer ${TOKEN}`);
  return answer.text;
}

describe(`the secrets in the errors of ${SHAPES.length} failed calls`, () => {
  it('stand in each of them', () => {
    expect(texts.filter((text, index) => !text.includes(secrets[index]!))).toEqual([]);
  });

  it('are in no dead letter', async () => {
    const shown = await get('/dead-letters?limit=1000');

    expect(shown).toContain('refused: ');
    expect(leaksIn(shown)).toEqual([]);
  });

  it('are in no run of a workflow, neither shown nor on disk', async () => {
    const start = (index: number) =>
      request(app.getHttpServer())
        .post('/workflows/ask/executions?wait=30s')
        .set('authorization', `Bearer ${TOKEN}`)
        .send({ index });
    const ended = [];
    for (const index of texts.keys()) ended.push((await start(index)).text);
    const ledgers = await Promise.all(
      ended.map((text) => get(`/executions/${(JSON.parse(text) as { id: string }).id}`)),
    );

    expect(ledgers.filter((text) => text.includes('answered 500'))).toHaveLength(SHAPES.length);
    expect(ledgers.filter((text) => text.includes('"x-kind":"plain"'))).toHaveLength(SHAPES.length);
    expect([...ended, ...ledgers].flatMap(leaksIn)).toEqual([]);
    const files = readdirSync(directory).filter((name) => name.startsWith('data.db'));
    expect(files.flatMap((name) => leaksIn(readFileSync(join(directory, name), 'latin1')))).toEqual([]);
  });

  it('are in no health report, whoever asks', async () => {
    const reports = app.get(HealthRegistry).reports();
    const { text } = await request(app.getHttpServer()).get('/health/ready');

    expect(reports.length).toBeGreaterThan(SHAPES.length);
    expect(text).toContain('vendor-1');
    expect([text, JSON.stringify(reports)].flatMap(leaksIn)).toEqual([]);
  });

  it('are in no figure and no event', async () => {
    const pages = await Promise.all(['events?limit=1000', 'circuits', 'policies', 'metrics'].map((page) => get(`/resilience/${page}`))); // prettier-ignore

    expect(pages[0]).toContain('refused: ');
    expect(events.length).toBeGreaterThanOrEqual(SHAPES.length);
    expect([...pages, ...events].flatMap(leaksIn)).toEqual([]);
  });

  it('are in no line of the log', () => {
    expect(log.some((line) => line.includes('Health is'))).toBe(true);
    expect(log.flatMap(leaksIn)).toEqual([]);
  });

  it('are in no trace', () => {
    const finished = spans.getFinishedSpans().map(({ name, status, attributes, events: said }) => JSON.stringify({ name, status, attributes, said })); // prettier-ignore

    expect(finished.some((span) => span.includes('refused: '))).toBe(true);
    expect(finished.flatMap(leaksIn)).toEqual([]);
  });
});

describe('what the application was configured with', () => {
  it.each([TOKEN, OWN])('is kept nowhere, although nothing says what it is: %s', async (secret) => {
    await app.get(Vault).tell(`that ${secret} is it`).catch(() => undefined); // prettier-ignore

    const shown = await get('/dead-letters?queue=own');

    expect(shown).toContain('that [redacted] is it');
    expect(shown).toContain('cannot tell that [redacted]');
    expect([shown, ...log, ...events].filter((text) => text.includes(secret))).toEqual([]);
  });
});

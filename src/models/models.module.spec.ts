import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { LlmService } from '@nest-resilience/llm';
import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import { ConfigurationError, readConfiguration } from '../configuration/configuration.js';
import { LlmFileWatch } from './llm-file.watch.js';
import { modelsModule } from './models.module.js';

function file(content: string, name = 'llm.yaml'): string {
  const path = join(mkdtempSync(join(tmpdir(), 'models-')), name);
  writeFileSync(path, content);
  return path;
}

let app: TestingModule | undefined;
afterEach(() => app?.close());

async function start(env: Record<string, string>): Promise<LlmService> {
  const imports = [ResilienceModule.forRoot(), modelsModule(readConfiguration(env), env)];
  app = await Test.createTestingModule({ imports }).compile();
  return app.get(LlmService);
}

/** Lines of what is wrong with a file, which stands in them as `llm.yaml`. */
function problemsOf(content: string, env: Record<string, string> = {}): string[] {
  const LLM_FILE = file(content);
  try {
    modelsModule(readConfiguration({ LLM_FILE, ...env }), { LLM_FILE, ...env });
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(
      ({ name, source, message }) => `${name} ${source.replace(LLM_FILE, 'llm.yaml')}: ${message}`,
    );
  }
  return [];
}

const names = (llm: LlmService) => llm.targets().map(({ provider, model }) => `${provider}:${model}`);
const OLLAMA = '{ name: local, kind: ollama, model: llama3.2 }';

describe('The models of the service', () => {
  it('are those of the environment without a file', async () => {
    expect(names(await start({ OLLAMA_MODEL: 'qwen3' }))).toEqual(['ollama:qwen3', 'offline:extractive']);
  });

  it('are those of the file, and text processing last', async () => {
    const LLM_FILE = file(`providers: [${OLLAMA}]`);

    expect(names(await start({ LLM_FILE, OLLAMA_MODEL: 'qwen3' }))).toEqual(['local:llama3.2', 'offline:extractive']);
    await app?.close();
    expect(names(await start({ LLM_FILE, LLM_OFFLINE: 'off' }))).toEqual(['local:llama3.2']);
  });

  it('may be those of the environment with the prices and guards of the file', async () => {
    const LLM_FILE = file(`
      prices: { 'ollama:*': { inputPerMillion: 1, outputPerMillion: 2 } }
      guards: { before: { redact: [email, '/project falcon/i'] } }
    `);
    const llm = await start({ LLM_FILE, OLLAMA_MODEL: 'qwen3' });

    expect(llm.targets()[0]).toMatchObject({ provider: 'ollama', cost: { inputPerMillion: 1 } });
    const { guards } = await llm.complete({ prompt: 'Project Falcon is of ann@mail.example.', model: 'offline' });
    expect(guards).toEqual([{ when: 'before', guard: 'redact', count: 2 }]);
  });

  it('have their keys from the environment', async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const LLM_FILE = file(`
      providers:
        - { name: own, kind: openai-compatible, model: m, baseURL: 'env:OWN_URL', apiKey: 'env:OWN_KEY' }
    `);
    const llm = await start({ LLM_FILE, OWN_URL: baseURL, OWN_KEY: 'k-1', LLM_OFFLINE: 'off' });

    await expect(llm.complete({ prompt: 'hello' })).rejects.toMatchObject({ code: 'RESILIENCE_LLM_UNAVAILABLE' });
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });

    expect(seen).toEqual(['Bearer k-1']);
  });

  it('stand beside the file of the settings', () => {
    const llm = file(`providers: [${OLLAMA}]`);
    const CONFIG_FILE = llm.replace('llm.yaml', 'config.json');
    writeFileSync(CONFIG_FILE, '{}');

    expect(readConfiguration({ CONFIG_FILE }).LLM_FILE).toBe(llm);
    expect(readConfiguration({ CONFIG_FILE: file('{}', 'config.json') }).LLM_FILE).toBeUndefined();
    expect(readConfiguration({ CONFIG_FILE, LLM_FILE: 'other.yaml' }).LLM_FILE).toBe('other.yaml');
  });

  it.each([
    [
      'a token in the settings',
      'providers: [{ name: o, kind: offline, model: extractive }]',
      'auto, extractive, o:extractive',
    ],
    [
      'the teams of the file, before it',
      `providers: [{ name: o, kind: offline, model: extractive }, { name: p, kind: ollama, model: m }]
endpoint: { keys: { a: { token: 'env:LLM_ENDPOINT_TOKEN', models: [p] } } }`,
      'auto, m, p:m',
    ],
  ])('are served at /v1 to %s', async (_whom, content, models) => {
    const env = { LLM_FILE: file(content), LLM_ENDPOINT_TOKEN: 'a-token-of-the-service' };
    await start(env);
    const service = app!.createNestApplication({ logger: false });
    await service.listen(0, '127.0.0.1');
    const ask = async (token: string) => {
      const { port } = service.getHttpServer().address() as AddressInfo;
      const answer = await fetch(`http://127.0.0.1:${port}/v1/models`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { data = [] } = (await answer.json()) as { data?: readonly { readonly id: string }[] };
      return [answer.status, data.map(({ id }) => id).join(', ')];
    };

    expect(await ask(env.LLM_ENDPOINT_TOKEN)).toEqual([200, models]);
    expect(await ask('another-token-of-nobody')).toEqual([401, '']);
    await service.close();
  });

  it('go before the settings of all models', async () => {
    const env = {
      LLM_FILE: file(`providers: [${OLLAMA}]\nretry: { maxRetries: 7 }`),
      LLM_RETRIES: '1',
      LLM_TIMEOUT: '9s',
    };
    const { options } = await start(env);

    expect(options.targets[0]).toMatchObject({ retry: { maxRetries: 7 }, timeouts: { each: 9000 } });
  });
});

describe('A file of models that changes', () => {
  const said = (level: 'log' | 'error') =>
    new Promise<string>((resolve) => {
      jest.spyOn(Logger.prototype, level).mockImplementation((message: unknown) => resolve(String(message)));
    });
  afterEach(() => void jest.restoreAllMocks());

  it('is taken in use while the service runs', async () => {
    const LLM_FILE = file(`providers: [${OLLAMA}]\nhealth: { enabled: false }`);
    const llm = await start({ LLM_FILE, LLM_OFFLINE: 'off' });
    await app?.init();
    const reloaded = said('log');

    writeFileSync(LLM_FILE, 'providers: [{ name: other, kind: ollama, model: qwen3 }]\nhealth: { enabled: false }');

    expect(await reloaded).toBe(`Models of ${LLM_FILE} are in use: other:qwen3`);
    expect(names(llm)).toEqual(['other:qwen3']);
  });

  it('is taken in use when another file is put in its place', async () => {
    const LLM_FILE = file(`providers: [${OLLAMA}]`);
    const llm = await start({ LLM_FILE, LLM_OFFLINE: 'off' });
    await app?.init();
    const reloaded = said('log');
    const next = file('providers: [{ name: moved, kind: ollama, model: m }]\nhealth: { enabled: false }');

    renameSync(next, LLM_FILE);
    await reloaded;

    expect(names(llm)).toEqual(['moved:m']);
  });

  it.each([
    ['cannot work', `providers: [${OLLAMA}]\nheals: -1`, /llm.yaml:2:1\): heals: got -1/],
    ['is no YAML', 'providers: [', /llm.yaml:1:13/],
    [
      'needs a restart',
      `providers: [${OLLAMA}]\nendpoint: { keys: { a: { token: '0123456789abcdef' } } }`,
      /llm.yaml:2:1.*endpoint > path.*routes are made at the start/,
    ],
  ])('and %s leaves everything as it was, and says why', async (_what, content, why) => {
    const LLM_FILE = file(`providers: [${OLLAMA}]\nhealth: { enabled: false }`);
    const llm = await start({ LLM_FILE, LLM_OFFLINE: 'off' });
    await app?.init();
    const refused = said('error');

    writeFileSync(LLM_FILE, content);

    expect(await refused).toMatch(/^Models stay as they were: /);
    expect(await refused).toMatch(why);
    expect(names(llm)).toEqual(['local:llama3.2']);
  });

  it('is left alone with LLM_WATCH=false', async () => {
    await start({ LLM_FILE: file(`providers: [${OLLAMA}]`), LLM_WATCH: 'false' });

    expect(() => app?.get(LlmFileWatch)).toThrow();
  });
});

describe('A file of models with mistakes', () => {
  it('is refused with the line and column of each', () => {
    const content = `
providers:
  - name: own
    kind: openai-compatible
    model: m
    baseURL: http://127.0.0.1:1
    quality: 2
    models:
      - { model: small, cots: 1 }
    retry: { maxRetries: -1 }
prices:
  m: { inputPerMillion: 1 }
guards: { before: { redact: [email, phone, '/(/'] } }
cahce: 10m
`;

    expect(problemsOf(content)).toEqual([
      expect.stringMatching(/^LLM_FILE llm.yaml:7:5: own > quality: got 2, expected/),
      expect.stringMatching(/^LLM_FILE llm.yaml:9:25: own > models\[0\] > cots: got 1, .*did you mean 'cost'/),
      expect.stringMatching(/^LLM_FILE llm.yaml:12:3: prices > m > outputPerMillion: got nothing, expected US dollars/),
      expect.stringMatching(/^LLM_FILE llm.yaml:13:37: guards > before > redact\[1\]: got "phone", expected true, or/),
      expect.stringMatching(/^LLM_FILE llm.yaml:13:44: guards > before > redact\[2\]: got "\/\(\/"/),
      expect.stringMatching(/^LLM_FILE llm.yaml:14:1: cahce: got "10m", expected no such option.*did you mean 'cache'/),
    ]);
  });

  it.each([
    [
      'its own',
      `providers:\n  - name: local\n    kind: ollama\n    model: m\n    retry: { maxRetries: -1 }`,
      '5:14',
      'llm:local:m > ',
    ],
    ['those of all', `retry:\n  maxRetries: -1\nproviders: [${OLLAMA}]`, '2:3', ''],
  ])('is refused with the policies of %s that cannot work', (_whose, content, place, whose) => {
    expect(problemsOf(content)).toEqual([
      expect.stringMatching(new RegExp(`^LLM_FILE llm.yaml:${place}: ${whose}retry > maxRetries: got -1`)),
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['is no YAML', 'providers: [', /^LLM_FILE llm.yaml:1:13: /],
    ['is a list', '- a', /^LLM_FILE llm.yaml:1:1: must hold options, e\.g\. 'providers:/],
    ['is empty', '', /^LLM_FILE llm.yaml:1:1: must hold options/],
    [
      'has no provider',
      'providers: []',
      /^LLM_FILE llm.yaml:1:1: providers: got a list, expected a list with at least one/,
    ],
    ['has a provider that is none', 'providers: [null]', /^LLM_FILE llm.yaml:1:13: providers\[0\]/],
    ['says a key twice', 'heals: 1\nheals: 2', /^LLM_FILE llm.yaml:2:1: Map keys must be unique/],
    [
      'names a variable that is not set',
      `providers:\n  - { name: a, apiKey: 'env:NOT_SET' }`,
      /^LLM_FILE llm.yaml:2:16: the environment has no NOT_SET$/,
    ],
    [
      'unfolds',
      `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]`,
      /at most 100000 are allowed/,
    ],
  ])('that %s is refused', (_what, content, message) => {
    expect(problemsOf(content)).toEqual([expect.stringMatching(message)]);
  });

  it('is refused with text processing where the settings refuse it', () => {
    const content = `providers:\n  - ${OLLAMA}\n  - { name: o, kind: offline, model: extractive }`;

    expect(problemsOf(content, { LLM_OFFLINE: 'off' })).toEqual([
      expect.stringMatching(/^LLM_FILE llm.yaml:3:16: offline is no model, and LLM_OFFLINE=off/),
    ]);
    expect(problemsOf(content)).toEqual([]);
  });

  it('never shows what came from the environment', () => {
    const content = `providers:\n  - { name: a, kind: ollama, model: m, apikey: 'env:KEY' }`;

    expect(problemsOf(content, { KEY: 'hunter2-hunter2' })).toEqual([
      expect.stringMatching(/^LLM_FILE llm.yaml:2:40: a > apikey: \[redacted\] env:KEY, expected no such option/),
    ]);
  });

  it('must be there when it is named', () => {
    const read = () => modelsModule(readConfiguration({ LLM_FILE: '/nowhere/llm.yaml' }), {});

    expect(read).toThrow(/LLM_FILE \(\/nowhere\/llm\.yaml\): cannot be read: ENOENT/);
  });
});

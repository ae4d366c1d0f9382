import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { ConfigurationError, readConfiguration } from './configuration.js';

function fileWith(content: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'configuration-')), 'config.json');
  writeFileSync(file, content);
  return file;
}

function problemsOf(env: Record<string, string>): ConfigurationError {
  try {
    readConfiguration(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfiguration({})).toEqual({
      PORT: 3000,
      HOST: '0.0.0.0',
      HTTP_CONNECTIONS: 10_000,
      HTTP_HEADERS_TIMEOUT: '10s',
      HTTP_REQUEST_TIMEOUT: '30s',
      TRANSPORT: 'tcp',
      TCP_HOST: '127.0.0.1',
      TCP_PORT: 3001,
      TCP_CONNECTIONS: 1_000,
      TCP_FRAME_TIMEOUT: '10s',
      TCP_UNFINISHED: 33_554_432,
      NATS_URL: 'nats://127.0.0.1:4222',
      REDIS_URL: 'redis://127.0.0.1:6379',
      CLUSTER: 'off',
      CLUSTER_PREFIX: 'nr',
      CLUSTER_QUORUM: 1,
      EXECUTION_LEASE: '10s',
      DATA_DIR: 'data',
      WORKFLOWS_DIR: 'workflows',
      WORKFLOWS_WATCH: true,
      LLM_WATCH: true,
      HTTP_ALLOW: [],
      EXECUTIONS_RUNNING: 50,
      EXECUTIONS_QUEUED: 1000,
      EXECUTIONS_RESUME: true,
      BODY_LIMIT: 1_048_576,
      SHUTDOWN_DELAY: '0s',
      SHUTDOWN_TIMEOUT: '10s',
      LLM_TIMEOUT: '30s',
      LLM_OFFLINE: 'last',
      LLM_RETRIES: 2,
      LLM_RETRY_BASE_DELAY: '500ms',
      LLM_CIRCUIT_WINDOW: '5m',
      LLM_CIRCUIT_RECOVERY: '60s',
    });
  });

  it('takes a setting from the environment before the file', () => {
    const CONFIG_FILE = fileWith('{ "PORT": 4000, "LLM_RETRIES": 5 }');

    expect(readConfiguration({ CONFIG_FILE, PORT: '5000' })).toMatchObject({ PORT: 5000, LLM_RETRIES: 5 });
  });

  it('takes destinations between commas from the environment, and as a list from the file', () => {
    const CONFIG_FILE = fileWith('{ "HTTP_ALLOW": ["archive.internal", "[::1]:8080"] }');

    expect(readConfiguration({ HTTP_ALLOW: '*.svc.local, 10.1.0.0/16,localhost:8080' }).HTTP_ALLOW).toEqual([
      ...['*.svc.local', '10.1.0.0/16', 'localhost:8080'],
    ]);
    expect(readConfiguration({ CONFIG_FILE }).HTTP_ALLOW).toEqual(['archive.internal', '[::1]:8080']);
  });

  it.each([['http://archive.internal'], ['10.0.0.0/99'], ['localhost:99999'], ['a,,b']])(
    'refuses the destination %s with what would do',
    (HTTP_ALLOW) => {
      const { message } = problemsOf({ HTTP_ALLOW });

      expect(message).toContain(`HTTP_ALLOW (environment): ${JSON.stringify(HTTP_ALLOW)}`);
      expect(message).toContain("expected host names, addresses or ranges such as 'archive.internal'");
    },
  );

  it('counts an empty variable as not set', () => {
    expect(readConfiguration({ PORT: '', ARCHIVE_URL: '' })).toMatchObject({ PORT: 3000 });
  });

  it('names every setting that cannot work, with its value and where it came from', () => {
    const CONFIG_FILE = fileWith('{ "PROT": 1, "DESK_URL": "ftp://desk" }');

    const { message } = problemsOf({ CONFIG_FILE, PORT: '70000', LLM_TIMEOUT: 'soon' });

    expect(message).toContain('PORT (environment): "70000"');
    expect(message).toContain('LLM_TIMEOUT (environment): "soon"');
    expect(message).toContain(`DESK_URL (${CONFIG_FILE}): "ftp://desk": an http or https URL`);
    expect(message).toContain(`PROT (${CONFIG_FILE}): no such setting, did you mean PORT?`);
  });

  it.each([['not json'], ['[1]'], ['null']])('refuses a file that holds %s', (content) => {
    expect(problemsOf({ CONFIG_FILE: fileWith(content) }).problems).toMatchObject([{ name: 'CONFIG_FILE' }]);
  });

  it('never prints a token, nor the password of a URL', () => {
    const NATS_URL = 'wss://me:hunter2@broker:4222';

    expect(problemsOf({ ADMIN_TOKEN: 'hunter2' }).message).not.toContain('hunter2');
    expect(problemsOf({ NATS_URL }).message).toContain('NATS_URL (environment): "wss://(secret)@broker:4222"');
  });

  it('lets replicas share a database, and nothing else', () => {
    const DATABASE_URL = 'postgres://me:hunter2@db/app';

    expect(readConfiguration({ CLUSTER: 'redis', DATABASE_URL }).CLUSTER).toBe('redis');
    expect(problemsOf({ CLUSTER: 'redis' }).message).toContain("CLUSTER (environment): 'redis' needs DATABASE_URL");
    expect(problemsOf({ DATABASE_URL: 'me:hunter2@db/app' }).message).toContain('a URL such as postgres://');
    expect(problemsOf({ DATABASE_URL: 'db:5432/app' }).message).toContain('a URL such as postgres://');
    expect(problemsOf({ CLUSTER: 'kafka', DATABASE_URL }).problems).toMatchObject([{ name: 'CLUSTER' }]);
  });

  it('takes the URLs of Sentinel and of a Redis Cluster for replicas only', () => {
    const REDIS_URL = 'redis+sentinel://h1,h2/main';

    expect(readConfiguration({ REDIS_URL })).toMatchObject({ REDIS_URL });
    expect(problemsOf({ REDIS_URL, TRANSPORT: 'redis' }).message).toContain('TRANSPORT=redis speaks with one server');
  });

  it.each([
    ['NATS_URL', 'nats://me:100%@broker:4222'],
    ['DATABASE_URL', 'postgres://me:100%@db/app'],
    ['REDIS_URL', 'redis://:100%@cache:6379'],
  ])('refuses a password in %s that cannot be decoded, and says how to write it', (name, value) => {
    const { message } = problemsOf({ [name]: value });

    expect(message).toContain('write a percent sign in them as %25');
    expect(message).not.toContain('100%');
    expect(readConfiguration({ [name]: value.replace('%', '%25') })).toHaveProperty(name);
  });
});

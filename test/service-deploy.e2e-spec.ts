import 'reflect-metadata';

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseDuration } from '@nest-resilience/core';
import { ShutdownState } from '@nest-resilience/core/health';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import { parseAllDocuments } from 'yaml';

import { AppModule } from '../src/app.module.js';
import { readConfiguration } from '../src/configuration/configuration.js';
import { configureService } from '../src/configure-service.js';

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: object;
}

interface Deployment extends Manifest {
  readonly spec: {
    readonly replicas: number;
    readonly strategy: { readonly type: string };
    readonly selector: { readonly matchLabels: object };
    readonly template: {
      readonly metadata: { readonly labels: object };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number };
        readonly containers: readonly Container[];
        readonly volumes: readonly object[];
      };
    };
  };
}

const DIRECTORY = new URL('../deploy/', import.meta.url);
const text = (path: string): string => readFileSync(new URL(path, DIRECTORY), 'utf8');

const manifests = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.yaml'))
  .flatMap((name) => {
    const documents = parseAllDocuments(text(name), { strict: true, uniqueKeys: true });
    for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([]);
    return documents.map((document) => document.toJS() as Manifest);
  });
const only = <T extends Manifest>(kind: string): T => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as T;
};

const deployment = only<Deployment>('Deployment');
const pod = deployment.spec.template.spec;
const container = pod.containers[0]!;
const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));

describe('The manifests', () => {
  it('are those that the docs name', () => {
    expect(manifests.map(({ kind }) => kind).sort()).toEqual([
      'Deployment',
      'PersistentVolumeClaim',
      'PodDisruptionBudget',
      'Service',
      'ServiceMonitor',
    ]);
  });

  it('mean the same pods', () => {
    const { labels } = deployment.spec.template.metadata;

    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(only('Service').spec).toMatchObject({ selector: labels });
    expect(only('PodDisruptionBudget').spec).toMatchObject({ selector: { matchLabels: labels } });
    expect(only('ServiceMonitor').spec).toMatchObject({ selector: { matchLabels: only('Service').metadata.labels } });
  });

  it('mean the same ports', () => {
    expect(container.ports).toEqual([{ name: 'http', containerPort: Number(env['PORT']) }]);
    expect(only('Service').spec).toMatchObject({ ports: [{ name: 'http', targetPort: 'http' }] });
    expect(only('ServiceMonitor').spec).toMatchObject({ endpoints: [{ port: 'http' }] });
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe])
      expect(httpGet.port).toBe('http');
  });

  it('mean the same volume, the one place that is written to', () => {
    expect(pod.volumes).toEqual([
      { name: 'data', persistentVolumeClaim: { claimName: only('PersistentVolumeClaim').metadata.name } },
    ]);
    expect(container.volumeMounts).toEqual([{ name: 'data', mountPath: env['DATA_DIR'] }]);
  });

  it('give nobody more rights than it needs', () => {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
  });

  it('run one process per data directory', () => {
    expect([deployment.spec.replicas, deployment.spec.strategy.type]).toEqual([1, 'Recreate']);
  });

  it('let the shutdown end before the process is killed', () => {
    const { SHUTDOWN_DELAY = '', SHUTDOWN_TIMEOUT = '' } = env;
    const neededMs = parseDuration(SHUTDOWN_DELAY)! + parseDuration(SHUTDOWN_TIMEOUT)!;

    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(neededMs + 15_000);
  });

  it('set only what the service knows', () => {
    const documented = text('../docs/service.md');

    for (const name of Object.keys(env)) expect(documented).toContain(`\`${name}\``);
  });
});

describe('The service with the settings of the manifests', () => {
  let directory: string;
  let app: NestExpressApplication;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nest-resilience-deploy-'));
    const settings = { ...env, DATA_DIR: directory };
    const configuration = readConfiguration(settings);
    const module = await Test.createTestingModule({ imports: [AppModule.forRoot(configuration, settings)] }).compile();
    app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
    await configureService(app, configuration);
    await app.init();
  });

  afterAll(async () => {
    await app.close();
    await rm(directory, { recursive: true, force: true });
  });

  const get = (path: string) => request(app.getHttpServer()).get(path);

  it('answers each probe where the manifests ask', async () => {
    await get(container.startupProbe.httpGet.path).expect(200);
    await get(container.livenessProbe.httpGet.path).expect(200);
    await get(container.readinessProbe.httpGet.path).expect(200);
  });

  it('answers the metrics where the ServiceMonitor asks, without a token', async () => {
    const { endpoints } = only('ServiceMonitor').spec as { endpoints: { path: string }[] };

    const answer = await get(endpoints[0]!.path).expect(200);

    expect(answer.text).toContain('resilience_health{check="store"}');
  });

  it('fails only readiness when it shuts down', async () => {
    app.get(ShutdownState, { strict: false }).begin();

    await get(container.readinessProbe.httpGet.path).expect(503);
    await get(container.livenessProbe.httpGet.path).expect(200);
    await get(container.startupProbe.httpGet.path).expect(200);
  });
});

describe('The Dockerfile', () => {
  const lines = text('../Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const arguments_ = (instruction: string): string[] =>
    last.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));

  it('runs the service itself, as nobody special, on the volume of the manifests', () => {
    expect(arguments_('USER')).toEqual(['node']);
    expect(arguments_('CMD')).toEqual(['["node", "dist/main.js"]']);
    expect(arguments_('VOLUME')).toEqual([env['DATA_DIR']]);
    expect(arguments_('ENV')).toContain(`DATA_DIR=${env['DATA_DIR']}`);
    expect(arguments_('EXPOSE')).toEqual([env['PORT']]);
    expect(arguments_('HEALTHCHECK')[0]).toContain(container.livenessProbe.httpGet.path);
  });

  it('runs nothing and leaves nothing to write in its last stage but the volume', () => {
    expect(arguments_('RUN')).toEqual([]);
    expect(arguments_('COPY').filter((copied) => copied.includes('--chown'))).toEqual([
      '--from=build --chown=node:node /data /data',
    ]);
  });

  it('builds with scripts that exist, from files that exist and are not left out', () => {
    const { scripts } = JSON.parse(text('../package.json')) as { scripts: Record<string, string> };
    const ignored = text('../.dockerignore').split('\n');
    const copied = arguments_('COPY')
      .filter((line) => !line.includes('--chown'))
      .map((line) => line.split(' ')[1]!.replace('/app/', ''));

    expect(scripts).toHaveProperty('build');
    for (const path of ['package.json', 'package-lock.json', 'libs', 'workflows', 'src', 'nest-cli.json']) {
      expect(existsSync(new URL(`../${path}`, DIRECTORY))).toBe(true);
      expect(ignored).not.toContain(path);
    }
    expect(copied).toEqual(['package.json', 'node_modules', 'libs', 'dist', 'workflows']);
  });
});

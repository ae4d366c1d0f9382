import 'reflect-metadata';

import { readFileSync } from 'node:fs';

import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { MetricsModule } from '@nest-resilience/core/metrics';
import { WorkflowModule } from '@nest-resilience/workflow';
import {
  Controller,
  Get,
  type INestApplication,
  Module,
  type Type,
  VERSION_NEUTRAL,
  VersioningType,
  type VersioningOptions,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, NestFactory } from '@nestjs/core';

@Controller('orders')
class Orders {
  @Get()
  all(): string[] {
    return [];
  }
}

@Module({
  imports: [
    DiscoveryModule,
    ResilienceModule.forRoot(),
    AdminModule.forRoot({ token: 'secret' }),
    MetricsModule.forRoot(),
    HealthModule.forRoot(),
    WorkflowModule.forRoot({ http: 'open' }),
  ],
  controllers: [Orders],
})
class Root {}

/** One route of each kind; all of them answer 200 in an application that has nothing to show. */
const ROUTES = [
  '/health/live',
  '/health/ready',
  '/metrics',
  '/resilience/policies',
  '/resilience/circuits',
  '/resilience/events',
  '/dead-letters',
  '/dead-letters/counts',
  '/workflows',
  '/executions',
];

const PACKAGES = ['resilience', 'store-sql', 'llm', 'workflow'];

/** Whatever the packages export that Nest takes for a controller. */
async function exportedControllers(): Promise<Type[]> {
  const found = new Set<Type>();
  for (const folder of PACKAGES) {
    const manifest = JSON.parse(
      readFileSync(new URL(`../../libs/${folder}/package.json`, import.meta.url), 'utf8'),
    ) as {
      name: string;
      exports: Record<string, { 'nest-resilience-source'?: string }>;
    };
    for (const [entry, target] of Object.entries(manifest.exports)) {
      if (target['nest-resilience-source'] === undefined) continue;
      const exported = (await import(`${manifest.name}${entry.slice(1)}`)) as Record<string, unknown>;
      for (const value of Object.values(exported)) {
        if (typeof value === 'function' && Reflect.getMetadata('__controller__', value) === true)
          found.add(value as Type);
      }
    }
  }
  return [...found];
}

describe('The routes of operators, in an application with versions', () => {
  let app: INestApplication;
  let exported: Type[];

  beforeAll(async () => {
    exported = await exportedControllers();
  });

  afterEach(() => app.close());

  const serve = async (versioning?: VersioningOptions, prefix = ''): Promise<string> => {
    app = await NestFactory.create(Root, { logger: false });
    if (versioning !== undefined) app.enableVersioning(versioning);
    if (prefix !== '') app.setGlobalPrefix(prefix);
    await app.listen(0, '127.0.0.1');
    return (await app.getUrl()) + prefix;
  };
  const statuses = async (url: string): Promise<Record<string, number>> => {
    const headers = { authorization: 'Bearer secret' };
    const answers = ROUTES.map(async (path) => [path, (await fetch(url + path, { headers })).status] as const);
    return Object.fromEntries(await Promise.all(answers));
  };

  it('every controller of ours is for all versions', async () => {
    await serve();

    const registered = app.get(DiscoveryService).getControllers();
    const ours = registered.flatMap(({ metatype }) => (metatype === Orders ? [] : [metatype as Type]));
    const versions = [...ours, ...exported].map(
      (type) => [type.name, Reflect.getMetadata('__version__', type) as unknown] as const,
    );

    expect(ours.length).toBeGreaterThanOrEqual(7);
    expect(exported.length).toBeGreaterThanOrEqual(6);
    expect(versions).toEqual(versions.map(([name]) => [name, VERSION_NEUTRAL]));
  });

  it.each<[string, VersioningOptions | undefined, string]>([
    ['without versions', undefined, ''],
    ['in the URI', { type: VersioningType.URI, defaultVersion: '1' }, ''],
    ['in the URI, with a prefix', { type: VersioningType.URI, defaultVersion: '1', prefix: 'version-' }, '/api'],
    ['in a header', { type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '2' }, ''],
    ['in the media type', { type: VersioningType.MEDIA_TYPE, key: 'v=', defaultVersion: '2' }, '/api'],
    ['made up', { type: VersioningType.CUSTOM, extractor: () => '3', defaultVersion: '2' }, ''],
  ])('%s, all of them answer where they always do', async (_, versioning, prefix) => {
    const url = await serve(versioning, prefix);

    await expect(statuses(url)).resolves.toEqual(Object.fromEntries(ROUTES.map((path) => [path, 200])));
  });
});

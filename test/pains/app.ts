import type { Provider, Type } from '@nestjs/common';
import { ResilienceModule, type ResilienceModuleOptions } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { Test, type TestingModule } from '@nestjs/testing';

export interface App {
  readonly app: TestingModule;
  readonly clock: FakeClock;
  /** Calls that hang would be waited for: time passes until they are given up. */
  close(): Promise<void>;
}

/** An initialised application with these providers, whose time stands still. */
export async function boot(providers: Provider[], options: ResilienceModuleOptions = {}): Promise<App> {
  const clock = new FakeClock();
  const app = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ clock, ...options })],
    providers,
  }).compile();
  await app.init();
  const close = async (): Promise<void> => {
    const closed = app.close();
    await clock.advance('1h');
    await closed;
  };
  return { app, clock, close };
}

/** One application with one provider. */
export async function bootOne<T>(type: Type<T>): Promise<App & { readonly service: T }> {
  const booted = await boot([type]);
  return { ...booted, service: booted.app.get(type) };
}

/** Never settles, like a server that hangs. */
export const hang = (): Promise<never> => new Promise<never>(() => undefined);

/** What a call ended with, whichever way. */
export const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

/** Reads a stream to its end. */
export async function lastItem<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  let last: T | undefined;
  for await (const item of items) last = item;
  return last;
}

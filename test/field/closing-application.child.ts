/**
 * An application that is closed while a call of each kind hangs. Nothing else keeps the process alive: no server, no timer.
 * argv: the database file, `system` or `testing` (a clock that nobody moves)
 */
import 'reflect-metadata';

import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DeadLetter, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import { ResilienceTestingModule } from '@nest-resilience/core/testing';
import { sqliteStore } from '@nest-resilience/store-sql';
import { lastValueFrom, NEVER, type Observable } from 'rxjs';

const [file = '', time = ''] = process.argv.slice(2);
const hang = (): Promise<never> => new Promise(() => undefined);

@Injectable()
class Orders implements OnApplicationShutdown {
  constructor(private readonly resilience: ResilienceService) {}

  @DeadLetter('orders')
  @Retry()
  async promise(_id: string): Promise<string> {
    return hang();
  }

  @DeadLetter('orders')
  @Retry()
  observable(_id: string): Observable<string> {
    return NEVER;
  }

  @DeadLetter('orders')
  @Retry()
  async *iterable(_id: string): AsyncGenerator<string> {
    yield await hang();
  }

  calls(): Record<string, Promise<unknown>> {
    const policy = { name: 'orders', retry: {}, deadLetter: { queue: 'orders' } } as const;
    return {
      promise: this.promise('7'),
      observable: lastValueFrom(this.observable('7')),
      iterable: this.iterable('7').next(),
      function: this.resilience.execute(policy, hang),
    };
  }

  onApplicationShutdown(): void {
    console.log('the later hook ran');
  }
}

const options = { shutdownTimeout: '200ms', deadLetter: { store: sqliteStore({ file }) } } as const;
const resilience = time === 'testing' ? ResilienceTestingModule : ResilienceModule;
const app = await NestFactory.createApplicationContext(
  { module: class Application {}, imports: [resilience.forRoot(options)], providers: [Orders] },
  { logger: false },
);
for (const [kind, call] of Object.entries(app.get(Orders).calls()))
  call.catch((error: { code?: string }) => console.log(`${kind} ended with ${error.code}`));
await new Promise((resolve) => setImmediate(resolve));
await app.close();
console.log('closed');

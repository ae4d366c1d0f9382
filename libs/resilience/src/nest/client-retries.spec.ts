import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';

import { CircuitBreaker } from '../circuit-breaker/circuit-breaker.decorator.js';
import { Retry } from '../retry/retry.decorator.js';
import { clientsThatRetry } from './client-retries.js';
import { ResilienceModule } from './resilience.module.js';
import { Resilient } from './resilient.decorator.js';

class Client {
  readonly baseURL = 'https://models.example';
  readonly chat = { _client: this };
  constructor(readonly maxRetries: number) {}
}

@Injectable()
class Retried implements OnModuleInit {
  client: Client | undefined;

  onModuleInit(): void {
    this.client = new Client(2);
  }

  @Retry(3)
  async ask(): Promise<void> {}

  @CircuitBreaker()
  async count(): Promise<void> {}
}

@Injectable()
class Named {
  readonly chat = new Client(1).chat;

  @Resilient('llm')
  async ask(): Promise<void> {}
}

@Injectable()
class Careful {
  readonly client = new Client(0);

  @Retry()
  async ask(): Promise<void> {}
}

@Injectable()
class NotRetried {
  readonly client = new Client(2);

  @CircuitBreaker()
  async ask(): Promise<void> {}
}

describe('A client that retries under a method that retries', () => {
  afterEach(() => {
    Logger.overrideLogger(false);
  });

  it('is warned of when the application has started, with what the two come to', async () => {
    const warnings: string[] = [];
    const policies = { llm: { retry: { maxRetries: 4 } } };
    const app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot({ policies })],
      providers: [Retried, Named, Careful, NotRetried],
    }).compile();
    Logger.overrideLogger({ log() {}, error() {}, warn: (message: string) => void warnings.push(message) });

    await app.init();

    expect(warnings).toEqual([
      "Retried.ask retries up to 3 times, and so does the client in its property 'client' (Client, maxRetries 2): up to 12 " +
        'requests a call, of which the circuit sees one in 3. Make the client with { maxRetries: 0 }',
      expect.stringMatching(/^Named\.ask retries up to 4 times, .* 'chat' \(Client, maxRetries 1\): up to 10 requests/),
    ]);
    await app.close();
  });

  it('is found without calling getters', () => {
    const instance = {
      get client(): Client {
        throw new Error('asked');
      },
    };

    expect(clientsThatRetry(instance)).toEqual([]);
  });
});

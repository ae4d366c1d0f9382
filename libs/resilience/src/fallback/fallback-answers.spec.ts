import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { lastValueFrom, type Observable, of, throwError } from 'rxjs';

import { Fallback, ResilienceModule } from '../index.js';

const DOWN = new Error('down');

const IN_FORM = {
  value: (): string => 'rescued',
  promise: (): Promise<string> => Promise.resolve('rescued'),
  observable: (): Observable<string> => of('first', 'rescued'),
  iterable: async function* (): AsyncGenerator<string> {
    yield 'first';
    yield 'rescued';
  },
};

let answer: () => unknown;

@Injectable()
class Service {
  @Fallback('instead')
  async promise(): Promise<string> {
    throw DOWN;
  }
  @Fallback('instead')
  observable(): Observable<string> {
    return throwError(() => DOWN);
  }
  @Fallback('instead')
  async *iterable(): AsyncGenerator<string> {
    yield await Promise.reject(DOWN);
  }
  instead(): string {
    return answer() as string;
  }
}

async function lastOf(items: AsyncIterable<string>): Promise<string | undefined> {
  let last: string | undefined;
  for await (const item of items) last = item;
  return last;
}

/** What `FallbackAnswer` lets through must work: the types are checked in test/types. */
describe('A fallback may answer', () => {
  it.each(
    Object.keys(IN_FORM).flatMap((form) =>
      (['promise', 'observable', 'iterable'] as const).map((method) => [form as keyof typeof IN_FORM, method] as const),
    ),
  )('with a %s for a method that returns a %s', async (form, method) => {
    answer = IN_FORM[form];
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Service],
    }).compile();
    const service = module.get(Service);
    const CALLS = {
      promise: () => service.promise(),
      observable: () => lastValueFrom(service.observable()),
      iterable: () => lastOf(service.iterable()),
    };

    expect(await CALLS[method]()).toBe('rescued');

    await module.close();
  });
});

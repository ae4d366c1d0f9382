import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { applyDecorators } from '@nestjs/common';
import {
  type AttemptContext,
  Attempt,
  Fallback,
  type FallbackAnswer,
  type FallbackContext,
  type FallbackOf,
  type FallbackOptions,
  Retry,
} from '@nest-resilience/core';
import { expectTypeOf } from 'expect-type';
import { EMPTY, type Observable } from 'rxjs';

// The assertions are the compiler's: `npm run typecheck` fails where one of these lines compiles that should not, or the other way
// round. Running the file only shows that the declarations are accepted when they are evaluated.

interface Price {
  readonly sku: string;
  readonly currency: 'eur' | 'usd';
  readonly tags: string[];
}
const PRICE: Price = { sku: 'a', currency: 'eur', tags: [] };
const fromConfiguration: string = ['later'].join();
const anyChain: FallbackOptions = 'later';

describe('@Fallback with the name of a method', () => {
  it('compiles for public, protected and private methods that fit, alone and in a chain', () => {
    class Shop {
      @Fallback('later')
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      @Fallback('hidden')
      async two(_sku: string): Promise<Price> {
        return PRICE;
      }
      @Fallback('inherited')
      protected async three(_sku: string): Promise<Price> {
        return PRICE;
      }
      @Fallback(['later', { use: 'hidden', on: TypeError, priority: 2 }, { value: PRICE }])
      private async four(_sku: string): Promise<Price> {
        return PRICE;
      }

      later(_sku: string, context: FallbackContext): Promise<Price> {
        expectTypeOf(context.error).toBeUnknown();
        return this.four('a');
      }
      /** Needs no context, and answers at once. */
      private hidden(_sku: string): Price {
        return PRICE;
      }
      protected inherited(...args: [string, FallbackContext]): PromiseLike<Price> {
        expectTypeOf(args[1]).toEqualTypeOf<FallbackContext>();
        return Promise.resolve(this.hidden(args[0]));
      }
    }

    expect(Shop.prototype.one).toBeDefined();
  });

  it('refuses a name that the class does not have', () => {
    class Shop {
      // @ts-expect-error no such method, public or private
      @Fallback('laterr')
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error a property is no method
      @Fallback('field')
      async two(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error the second of the chain
      @Fallback(['later', { use: 'laterr' }])
      async three(_sku: string): Promise<Price> {
        return PRICE;
      }
      readonly field = 1;
      later(): Price {
        return PRICE;
      }
    }

    expect(new Shop().field).toBe(1);
  });

  it('refuses an answer that the method does not promise, and parameters that cannot take what is given', () => {
    class Shop {
      // @ts-expect-error answers with a number
      @Fallback('count')
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error private, and answers with a number
      @Fallback('hiddenCount')
      async two(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error takes a number where the SKU is
      @Fallback('byId')
      async three(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error wants more than it is given
      @Fallback('greedy')
      async four(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error a synchronous method cannot wait for its fallback
      @Fallback('later')
      five(_sku: string): Price {
        return PRICE;
      }

      async count(_sku: string, _context: FallbackContext): Promise<number> {
        return this.hiddenCount();
      }
      private hiddenCount(): number {
        return 1;
      }
      async byId(_id: number): Promise<Price> {
        return PRICE;
      }
      async greedy(_sku: string, _context: FallbackContext, _more: number): Promise<Price> {
        return PRICE;
      }
      async later(_sku: string): Promise<Price> {
        return PRICE;
      }
    }

    expect(Shop.prototype.one).toBeDefined();
  });

  it('leaves the attempt out of what is given, and gives what was optional as possibly undefined', () => {
    class Shop {
      @Fallback('later')
      async one(_sku: string, _locale?: string, @Attempt() _attempt?: AttemptContext): Promise<Price> {
        return PRICE;
      }
      later(_sku: string, _locale: string | undefined, _context: FallbackContext): Price {
        return PRICE;
      }
    }

    expect(Shop.prototype.later).toHaveLength(3);
  });

  it('says nothing about names that are not literal, nor where a program puts it on: the boot does', () => {
    class Shop {
      @Fallback(fromConfiguration)
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      @Fallback(anyChain)
      async two(_sku: string): Promise<Price> {
        return PRICE;
      }
      @applyDecorators(Retry(1), Fallback('later'))
      async three(_sku: string): Promise<Price> {
        return PRICE;
      }
      later(): Price {
        return PRICE;
      }
    }
    const decorator: MethodDecorator & ClassDecorator = Fallback('later');

    expect(decorator).toBeInstanceOf(Function);
    expect(Shop.prototype.later()).toBe(PRICE);
  });

  it('compiles on a class', () => {
    @Fallback('later')
    class Shop {
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      later(): Price {
        return PRICE;
      }
    }

    expect(new Shop().later()).toBe(PRICE);
  });
});

describe('@Fallback with a function', () => {
  it('checks it like a method', () => {
    class Shop {
      @Fallback((sku: string, { attempts }: FallbackContext) => ({ ...PRICE, sku: `${sku}${attempts}` }))
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error the SKU is a string
      @Fallback((_sku: number) => PRICE)
      async two(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error answers with nothing
      @Fallback(() => undefined)
      async three(_sku: string): Promise<Price> {
        return PRICE;
      }
    }

    expect(Shop.prototype.one).toBeDefined();
  });

  it('types its parameters by FallbackOf, and leaves them unknown without', () => {
    class Shop {
      @Fallback<FallbackOf<Shop['one']>>((sku, context) => {
        expectTypeOf(sku).toEqualTypeOf<string>();
        expectTypeOf(context).toEqualTypeOf<FallbackContext>();
        return PRICE;
      })
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      @Fallback((sku) => {
        expectTypeOf(sku).toBeUnknown();
        return PRICE;
      })
      async two(_sku: string): Promise<Price> {
        return PRICE;
      }
    }

    expect(Shop.prototype.one).toBeDefined();
  });
});

describe('@Fallback with a value', () => {
  it('takes what the method promises, literals and mutable arrays included', () => {
    class Shop {
      @Fallback({ value: { sku: 'a', currency: 'eur', tags: ['cached'] } })
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      @Fallback([{ use: { value: [] }, on: TypeError }, { value: ['a'] }])
      async two(): Promise<string[]> {
        return [];
      }
      @Fallback({ value: new Set<string>() })
      three(): Set<string> {
        return new Set();
      }
      @Fallback({ value: undefined })
      async four(): Promise<void> {}
      @Fallback({ value: 'nothing' })
      five(): Observable<string> {
        return EMPTY;
      }
      @Fallback({ value: 'nothing' })
      async *six(): AsyncGenerator<string> {}
    }

    expect(Shop.prototype.one).toBeDefined();
  });

  it('refuses anything else', () => {
    class Shop {
      // @ts-expect-error no such currency
      @Fallback({ value: { sku: 'a', currency: 'gbp', tags: [] } })
      async one(_sku: string): Promise<Price> {
        return PRICE;
      }
      // @ts-expect-error the value, not a promise of it
      @Fallback({ value: Promise.resolve(1) })
      async two(): Promise<number> {
        return 1;
      }
      // @ts-expect-error one of a chain
      @Fallback([{ value: 1 }, { use: { value: 'one' } }])
      async three(): Promise<number> {
        return 1;
      }
    }

    expect(Shop.prototype.one).toBeDefined();
  });
});

describe('What may stand in', () => {
  it('is the value in any form for a method that waits, and the value alone for one that does not', () => {
    expectTypeOf<number>().toExtend<FallbackAnswer<Promise<number>>>();
    expectTypeOf<Observable<number>>().toExtend<FallbackAnswer<Promise<number>>>();
    expectTypeOf<AsyncGenerator<number>>().toExtend<FallbackAnswer<Observable<number>>>();
    expectTypeOf<Promise<number>>().toExtend<FallbackAnswer<AsyncIterable<number>>>();
    expectTypeOf<FallbackAnswer<number>>().toEqualTypeOf<number>();
    expectTypeOf<FallbackAnswer<Promise<void>>>().toBeUnknown();
    expectTypeOf<string>().not.toExtend<FallbackAnswer<Promise<number>>>();

    expect.assertions(0);
  });

  it('is for a promised stream a promise of a stream: a bare one would be read to its last item', () => {
    type Answer = FallbackAnswer<Promise<AsyncIterable<string>>>;

    expectTypeOf<Promise<AsyncGenerator<string>>>().toExtend<Answer>();
    expectTypeOf<AsyncGenerator<string>>().not.toExtend<Answer>();

    expect.assertions(0);
  });
});

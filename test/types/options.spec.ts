import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import {
  Attempt,
  type AttemptContext,
  CircuitBreaker,
  createPolicy,
  type PolicyDecorator,
  RateLimit,
  Retry,
} from '@nest-resilience/core';
import { expectTypeOf } from 'expect-type';

// Checked by the compiler: see fallback.spec.ts.

interface Order {
  readonly tenant: string;
}
interface Charge {
  readonly ok: boolean;
}
const CHARGE: Charge = { ok: true };

describe('@Attempt', () => {
  it('belongs on a parameter that can hold it, of a method of any visibility', () => {
    class Payments {
      async one(_order: Order, @Attempt() attempt?: AttemptContext): Promise<void> {
        expectTypeOf(attempt).toEqualTypeOf<AttemptContext | undefined>();
        await this.two();
      }
      private async two(@Attempt() _attempt?: { readonly signal: AbortSignal }): Promise<void> {}
      async three(@Attempt() ..._attempts: unknown[]): Promise<void> {}
    }

    expect(Payments.prototype.one).toHaveLength(2);
  });

  it('is refused on any other', () => {
    class Payments {
      // @ts-expect-error an order is no attempt
      async one(@Attempt() _order: Order): Promise<void> {}
      // @ts-expect-error nor is it in a private method
      private async two(_order: Order, @Attempt() _number?: number): Promise<void> {}
      async three(): Promise<void> {
        await this.two(CHARGE as never);
      }
    }
    class Made {
      // @ts-expect-error an instance has no attempt
      constructor(@Attempt() readonly attempt?: AttemptContext) {}
    }

    expect([new Payments(), new Made()]).toHaveLength(2);
  });
});

describe('Functions among the options', () => {
  it('name the types of what they are given, without a cast', () => {
    class Payments {
      @Retry({ maxRetries: 2, retryOnResult: (charge: Charge) => !charge.ok })
      @CircuitBreaker({ recordResult: (charge: Charge) => !charge.ok, key: (order: Order) => order.tenant })
      async charge(_order: Order, _attempts: number): Promise<Charge> {
        return CHARGE;
      }
      @Retry({ retryOnResult: (charge) => charge === undefined })
      @CircuitBreaker({ key: (...args) => String(args[0]) })
      async wide(_order?: Order): Promise<Charge> {
        return CHARGE;
      }
      @RateLimit({ limit: 9, interval: '1s', key: (order: Order) => order.tenant, cost: (_: Order, n: number) => n })
      async limited(_order: Order, _attempts: number): Promise<Charge> {
        return CHARGE;
      }
      @Retry(2)
      @CircuitBreaker()
      @RateLimit({ limit: 9, interval: '1s' })
      plain(_order: Order): Charge {
        return CHARGE;
      }
    }
    const policy = createPolicy({ retry: { retryOnResult: (charge: Charge) => charge.ok } });

    expect(policy.name).toBe('policy');
    expect(Payments.prototype.charge).toHaveLength(2);
  });

  it('are refused where the method gives them something else', () => {
    class Payments {
      // @ts-expect-error judges a charge, and the method returns a number
      @Retry({ retryOnResult: (charge: Charge) => charge.ok })
      async one(): Promise<number> {
        return 1;
      }
      // @ts-expect-error the key is made of an order, and the method takes a string
      @CircuitBreaker({ key: (order: Order) => order.tenant })
      async two(_id: string): Promise<Charge> {
        return CHARGE;
      }
      // @ts-expect-error the order may be missing
      @CircuitBreaker({ key: (order: Order) => order.tenant })
      async three(_order?: Order): Promise<Charge> {
        return CHARGE;
      }
      // @ts-expect-error the key is made of an order, and the method takes a string
      @RateLimit({ limit: 9, interval: '1s', key: (order: Order) => order.tenant, cost: () => 2 })
      async four(_id: string): Promise<void> {}
      // @ts-expect-error the cost is that of an order
      @RateLimit({ limit: 9, interval: '1s', key: (id: string) => id, cost: (order: Order) => order.tenant.length })
      async five(_id: string): Promise<void> {}
    }

    expect(Payments.prototype.one).toBeDefined();
    // @ts-expect-error there is no such option
    expect(() => Retry({ maxRetrys: 1 })(Payments.prototype, 'one', { value: Payments })).toThrow(/did you mean/);
  });

  it('say nothing about the methods of a class', () => {
    @Retry({ retryOnResult: (charge: Charge) => !charge.ok })
    class Payments {
      async charge(): Promise<Charge> {
        return CHARGE;
      }
    }
    const decorator: MethodDecorator & ClassDecorator = Retry(1);

    expectTypeOf(Retry(1)).toEqualTypeOf<PolicyDecorator<unknown>>();
    expect(decorator).toBeInstanceOf(Function);
    expect(Payments.prototype.charge).toBeDefined();
  });
});

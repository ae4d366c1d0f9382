/**
 * What nestjs-resilience 2.1.3 does. A process of its own: it is CommonJS and requires Nest, which jest cannot do for ES modules.
 * Prints one JSON object with what was seen.
 */
import 'reflect-metadata';

import { setImmediate } from 'node:timers/promises';

import { Logger } from '@nestjs/common';
import { CircuitBreakerStrategy, FallbackStrategy, UseResilience } from 'nestjs-resilience';

Logger.overrideLogger(false);

function decorate(type, method, ...strategies) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method);
  UseResilience(...strategies)(type.prototype, method, descriptor);
  Object.defineProperty(type.prototype, method, descriptor);
}

const SCENARIOS = {
  async halfOpen() {
    let entered = 0;
    let down = true;
    class Service {
      async call() {
        entered++;
        if (down) throw new Error('down');
        await setImmediate();
      }
    }
    decorate(
      Service,
      'call',
      new CircuitBreakerStrategy({
        requestVolumeThreshold: 1,
        errorThresholdPercentage: 1,
        sleepWindowInMilliseconds: 0,
      }),
    );
    const service = new Service();
    await service.call().catch(() => undefined);
    const toOpen = entered;
    down = false;
    await Promise.allSettled(Array.from({ length: 50 }, () => service.call()));
    return { toOpen, admitted: entered - toOpen };
  },

  async fallback() {
    const seen = [];
    class Service {
      async call(_order) {
        throw new Error('down');
      }
    }
    decorate(Service, 'call', new FallbackStrategy((...args) => void seen.push(...args)));
    await new Service().call('order-1');
    return { argument: seen.at(-1), errors: seen.filter((one) => one instanceof Error).length };
  },

  async metadata() {
    class Controller {
      async remove() {}
    }
    Reflect.defineMetadata('role', 'admin', Controller.prototype.remove);
    decorate(Controller, 'remove');
    const { remove } = Controller.prototype;
    return { role: Reflect.getMetadata('role', remove) ?? null, name: remove.name };
  },
};

const seen = {};
for (const [name, run] of Object.entries(SCENARIOS)) seen[name] = await run();
console.log(JSON.stringify(seen));
process.exit(0);

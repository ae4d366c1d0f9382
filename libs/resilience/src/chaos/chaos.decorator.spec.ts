import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import { ResilienceModule, ResilienceOptionsError, ResilienceService } from '../index.js';
import { FakeClock } from '../testing/fake-clock.js';
import { Chaos } from './index.js';

@Injectable()
class Orders {
  @Chaos({ rate: 1, latency: '1s' })
  async find(id: string): Promise<string> {
    return id;
  }
}

describe('@Chaos in an application', () => {
  const { NODE_ENV } = process.env;
  let app: TestingModule | undefined;

  afterEach(async () => {
    if (NODE_ENV === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = NODE_ENV;
    delete process.env['NEST_RESILIENCE_CHAOS'];
    await app?.close();
    app = undefined;
    jest.restoreAllMocks();
  });

  const boot = async (clock: FakeClock): Promise<TestingModule> => {
    const imports = [ResilienceModule.forRoot({ clock })];
    app = await Test.createTestingModule({ imports, providers: [Orders] }).compile();
    await app.init();
    return app;
  };

  it('is warned of at boot, slows the method down, and is counted', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const clock = new FakeClock();
    const module = await boot(clock);

    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
      'Chaos is on for Orders.find: 100 % latency of 1000 ms',
    ]);
    const answer = module
      .get(Orders)
      .find('7')
      .then((id) => [id, clock.now()]);
    await clock.advance('1m');

    expect(await answer).toEqual(['7', 1000]);
    expect([...module.get(ResilienceService).chaos()]).toMatchObject([{ name: 'Orders.find', latency: 1, fault: 0 }]);
  });

  it('keeps an application from booting in production', async () => {
    process.env['NODE_ENV'] = 'production';

    await expect(boot(new FakeClock())).rejects.toThrow(ResilienceOptionsError);
  });

  it('lets it boot when allowed by name, and still warns', async () => {
    process.env['NODE_ENV'] = 'production';
    process.env['NEST_RESILIENCE_CHAOS'] = 'Orders.find';
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();

    await boot(new FakeClock());

    expect(warn).toHaveBeenCalledTimes(1);
  });
});

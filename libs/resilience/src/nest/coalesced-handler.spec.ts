import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Injectable, Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import { Coalesce, ResilienceModule } from '../index.js';

@Injectable()
class Prices {
  @Coalesce()
  async of(sku: string): Promise<number> {
    return sku.length;
  }
}

@Controller()
class PriceController {
  @Get(':sku')
  @Coalesce()
  async price(): Promise<number> {
    return 1;
  }
}

describe('@Coalesce on a handler', () => {
  let module: TestingModule;

  afterEach(async () => {
    await module.close();
    jest.restoreAllMocks();
  });

  it('is a warning at boot that says where it belongs; on a service it is none', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();

    module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      controllers: [PriceController],
      providers: [Prices],
    }).compile();
    await module.init();

    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
      '@Coalesce on the handler PriceController.price has no effect: decorate the method of the service that the handler calls',
    ]);
  });
});

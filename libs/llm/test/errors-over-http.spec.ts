import { afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { Controller, Get, type INestApplication, Inject } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LlmModule } from '../src/llm.module.js';
import { LlmService } from '../src/llm.service.js';
import { type OneVendor, refusing, saying, startOneVendor } from './one-vendor.fixture.js';

@Controller()
class Stories {
  constructor(@Inject(LlmService) private readonly llm: LlmService) {}

  @Get('story')
  async story(): Promise<string> {
    return (await this.llm.complete({ prompt: 'a story' })).text;
  }

  @Get('number')
  async number(): Promise<unknown> {
    return (await this.llm.complete({ prompt: 'a number', schema: { type: 'integer' } })).object;
  }

  @Get('streamed')
  async streamed(): Promise<string> {
    let text = '';
    for await (const part of this.llm.stream({ prompt: 'a story' })) text += part;
    return text;
  }
}

/** Some text, and then the connection is gone. */
const brokenStream: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = { id: 'c', choices: [{ index: 0, delta: { content: 'Once' } }] };
  response.write(`data: ${JSON.stringify(chunk)}\n\n`, () => setImmediate(() => response.destroy()));
};

describe('what a failed call tells a caller over HTTP', () => {
  let vendor: OneVendor;
  let app: INestApplication;
  afterEach(async () => {
    await app.close();
    await vendor.close();
  });

  async function ask(answer: RequestListener, path = 'story'): Promise<Response> {
    vendor = await startOneVendor(answer);
    const module = await Test.createTestingModule({
      controllers: [Stories],
      imports: [
        ResilienceModule.forRoot(),
        LlmModule.forRoot({
          providers: [{ name: 'a', kind: 'openai-compatible', model: 'm', baseURL: vendor.baseURL }],
          retry: false,
          maxAnswerBytes: 4096,
          health: { enabled: false },
        }),
      ],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return fetch(`http://127.0.0.1:${port}/${path}`);
  }

  it.each<[what: string, answer: RequestListener, path: string, status: number, code: string]>([
    ['an outage', refusing(500, 'boom'), 'story', 503, 'RESILIENCE_LLM_UNAVAILABLE'],
    ['a key that no model takes', refusing(401, 'Incorrect API key: sk-1'), 'story', 502, 'RESILIENCE_LLM_UNAVAILABLE'],
    ['a request that no model takes', refusing(400, 'Unknown parameter'), 'story', 502, 'RESILIENCE_LLM_BAD_REQUEST'],
    ['a refused text', refusing(400, 'Blocked by our content policy'), 'story', 422, 'RESILIENCE_LLM_REFUSED'],
    ['an unusable answer', saying('none'), 'number', 503, 'RESILIENCE_LLM_UNAVAILABLE'],
    ['an answer that is too large', saying('x'.repeat(9000)), 'story', 503, 'RESILIENCE_LLM_UNAVAILABLE'],
    ['a broken stream', brokenStream, 'streamed', 502, 'RESILIENCE_LLM_STREAM_INTERRUPTED'],
  ])('%s', async (_what, answer, path, status, code) => {
    const response = await ask(answer, path);

    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = (await response.json()) as object;
    expect(problem).toMatchObject({ status, code });
    // What the vendor said is nobody's business outside.
    expect(JSON.stringify(problem)).not.toMatch(/boom|sk-1|Unknown|our content policy/);
  });

  it('a rate limit: when to come back', async () => {
    const response = await ask(refusing(429, 'slow down', { 'retry-after': '25' }));

    expect([response.status, Number(response.headers.get('retry-after')) >= 25]).toEqual([503, true]);
  });
});

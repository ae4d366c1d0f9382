import { describe, expect, it } from '@jest/globals';
import { providersFromEnv } from '@nest-resilience/llm';

import { AppModule } from './app.module.js';
import { readConfiguration } from './configuration/configuration.js';

describe('LLM_OFFLINE=off', () => {
  it('leaves text processing out', () => {
    const env = { OPENAI_API_KEY: 'k' };

    expect(providersFromEnv({ ...env, LLM_OFFLINE: 'off' }).map(({ name }) => name)).toEqual(['openai']);
    expect(providersFromEnv(env).map(({ name }) => name)).toEqual(['openai', 'offline']);
  });

  it('without a model: the service does not start, and says why', () => {
    expect(() => AppModule.forRoot(readConfiguration({ LLM_OFFLINE: 'off' }), {})).toThrow(
      "LLM_OFFLINE (environment): 'off' leaves no model; set OPENAI_API_KEY",
    );
  });
});

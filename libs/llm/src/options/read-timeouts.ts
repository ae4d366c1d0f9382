import { OptionsReader } from '@nest-resilience/core';
import { DEFAULT_LLM_OPTIONS, type LlmPolicyOptions, type LlmTimeoutOptions } from '../llm.options.js';
import type { ResolvedTimeouts } from './resolved-options.js';

const KNOWN = ['each', 'growth', 'max', 'total', 'firstToken', 'idle'] as const;

const DEFAULTS: ResolvedTimeouts = {
  ...DEFAULT_LLM_OPTIONS.timeout,
  firstToken: DEFAULT_LLM_OPTIONS.timeout.each,
  max: undefined,
  total: undefined,
};

/** Reads one layer of timeouts over the ones before; a bare duration is `each`. */
export function readTimeouts(
  timeout: LlmPolicyOptions['timeout'],
  path: string,
  parent: { absorb(nested: OptionsReader<never>): void },
  base: ResolvedTimeouts = DEFAULTS,
): ResolvedTimeouts {
  const options = typeof timeout === 'number' || typeof timeout === 'string' ? { each: timeout } : timeout;
  const reader = new OptionsReader<LlmTimeoutOptions>(options, path, KNOWN);
  const each = reader.duration('each', base.each, { min: 1 });
  const resolved = {
    each,
    growth: reader.number('growth', base.growth, { min: 1 }),
    max: reader.duration('max', base.max, { min: 1 }),
    total: reader.duration('total', base.total, { min: 1 }),
    // Whoever sets `each` means it for the first token too, unless said otherwise.
    firstToken: reader.duration('firstToken', options?.each === undefined ? base.firstToken : each, { min: 1 }),
    idle: reader.duration('idle', base.idle, { min: 1 }),
  };
  parent.absorb(reader);
  return resolved;
}

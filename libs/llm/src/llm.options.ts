import type { CircuitBreakerOptions, Duration, RetryOptions } from '@nest-resilience/core';

export const LLM_PROVIDER_KINDS = ['openai', 'anthropic', 'ollama', 'openai-compatible', 'offline'] as const;

export type LlmProviderKind = (typeof LLM_PROVIDER_KINDS)[number];

/** US dollars per million tokens. */
export interface LlmCost {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
}

/** What the provider allows per minute. Kept in this process: give each replica its share. */
export interface LlmLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

export interface LlmTimeoutOptions {
  /** One attempt. @default '30s' */
  readonly each?: Duration;
  /** 2 makes the attempts wait 30, 60, 120 s. @default 1 */
  readonly growth?: number;
  /** Cap of a grown timeout. */
  readonly max?: Duration;
  /** All attempts at one target together, waits included; each round of healing starts anew. Not for streams. None by default. */
  readonly total?: Duration;
  /** Streams: until the first token. @default `each` */
  readonly firstToken?: Duration;
  /** Streams: between two tokens. @default '30s' */
  readonly idle?: Duration;
}

/** A further model of the same provider. */
export interface LlmModelOptions {
  readonly model: string;
  readonly cost?: LlmCost;
  readonly quality?: number;
  readonly contextWindow?: number;
}

/** Policies of each target; the module's are the defaults of every provider's. */
export interface LlmPolicyOptions {
  readonly timeout?: LlmTimeoutOptions | Duration;
  /** Over {@link DEFAULT_LLM_OPTIONS}; `false`: no retries. */
  readonly retry?: RetryOptions | false;
  /** Over {@link DEFAULT_LLM_OPTIONS}; the name is always `llm:<provider>:<model>`. */
  readonly circuitBreaker?: Omit<CircuitBreakerOptions, 'name' | 'key'>;
  /**
   * A larger answer is cut off and counts as a failure of its target: a body, or the text of a stream. A single event of a stream
   * may have an eighth of it. @default 8 MiB
   */
  readonly maxAnswerBytes?: number;
}

export interface LlmProviderOptions extends LlmPolicyOptions {
  /** Unique, without `:`; part of the circuits' names. */
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  /** Must be given for `openai-compatible`; the others know their own. */
  readonly baseURL?: string;
  /** `openai` and `anthropic` look into `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` when it is not given. */
  readonly apiKey?: string;
  readonly cost?: LlmCost;
  /** 0..1, your own judgement; only reported with the answers. */
  readonly quality?: number;
  /** Lower is asked first; equal ones in written order. @default 0, for `offline` last of all */
  readonly priority?: number;
  /** Tokens the model can read; a text too long for one target goes on only to a larger one. */
  readonly contextWindow?: number;
  /** Further models of this provider, each a target of its own, asked after `model`. */
  readonly models?: readonly (string | LlmModelOptions)[];
  readonly limits?: LlmLimits;
  /**
   * How a schema reaches the model: as `json_schema`, as plain JSON mode, or only described in the prompt (it always is in the last two).
   * @default 'json-schema'
   */
  readonly structuredOutput?: 'json-schema' | 'json-mode' | 'prompt';
}

export interface LlmHealthOptions {
  /** @default true */
  readonly enabled?: boolean;
  /** @default '5m' */
  readonly interval?: Duration;
  /** Share of the interval by which each run is moved, so that replicas do not ask together. @default 0.1 */
  readonly jitter?: number;
  /** Of one provider's check. @default '10s' */
  readonly timeout?: Duration;
  /** Whether the indicator may say `down` (when no provider is usable). @default false */
  readonly critical?: boolean;
  /**
   * US dollars that all checks of this process together may cost within any 24 hours, by the `cost` of the providers and what
   * they counted. Listing models is free and goes on; a provider without `cost` is not held back, because nobody knows. 0: no
   * check that asks for a token, except where the `cost` is 0. @default 0.1
   */
  readonly maxCostPerDay?: number;
}

export interface LlmModuleOptions extends LlmPolicyOptions {
  readonly providers: readonly LlmProviderOptions[];
  /** How often an invalid answer is asked for again, per target. @default 2 */
  readonly heals?: number;
  readonly health?: LlmHealthOptions;
}

/** Tuned for calls that are few, slow and paid for; every number can be changed per module and per provider. */
export const DEFAULT_LLM_OPTIONS = {
  heals: 2,
  timeout: { each: 30_000, growth: 1, idle: 30_000 },
  /** A hint above the cap means "go to the next provider", which beats waiting for this one. */
  retry: {
    maxRetries: 2,
    strategy: 'exponential',
    baseDelay: 500,
    maxDelay: 8_000,
    jitter: 'full',
    retryAfterCap: 20_000,
  },
  /** Five minutes: old failures must not open a circuit that sees ten calls an hour. */
  circuitBreaker: {
    window: { type: 'time', duration: 300_000 },
    minimumCalls: 5,
    failureRate: 0.5,
    recoveryTimeout: 60_000,
  },
  maxAnswerBytes: 8_388_608,
  /** Ten cents: a day of one-token checks of a model at 15 and 75 dollars per million tokens costs less. */
  health: { enabled: true, interval: 300_000, jitter: 0.1, timeout: 10_000, critical: false, maxCostPerDay: 0.1 },
} as const;

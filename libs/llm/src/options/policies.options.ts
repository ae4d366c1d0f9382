import {
  type CircuitBreakerOptions,
  type FailureReason,
  option,
  policySchemas,
  type RetryOptions,
} from '@nest-resilience/core';
import { FAILURE_REASONS } from '@nest-resilience/core/kit';

const limit = option.duration(undefined, { min: 1 });
/** Without defaults: a layer of them lies over another one, see `layTimeouts`. */
const TIMEOUTS = option.options(
  {
    /** One attempt. @default '30s' */
    each: limit,
    /** 2 makes the attempts wait 30, 60, 120 s. @default 1 */
    growth: option.number(undefined, { min: 1 }),
    /** Cap of a grown timeout. */
    max: limit,
    /** All attempts at one target together, waits included; each round of healing starts anew. Not for streams. None by default. */
    total: limit,
    /** Streams: until the first token, be it of a thought, a tool or the text. @default `each` */
    firstToken: limit,
    /** Streams: between two tokens. @default '30s' */
    idle: limit,
    /** Streams: until the first token of the text or a tool, thoughts before it included. None by default. */
    firstText: limit,
  },
  { shorthand: 'each' },
);

export interface LlmTimeoutOptions extends option.OptionsOf<typeof TIMEOUTS.spec> {}

const period = option.duration();
const COOLDOWN = option.options({
  /** @default '5s' */
  rate_limit: period,
  /** @default '5m' */
  quota: period,
  /** @default '5m' */
  auth: period,
  /** Of a model that is gone. @default '5m' */
  not_found: period,
  /** @default none: the circuit decides */
  permission: period,
  /** @default none: the circuit decides */
  overloaded: period,
});

/** How long a target is left alone after a failure for a reason, unless it said so itself; 0: not at all. */
export interface LlmCooldownOptions extends option.OptionsOf<typeof COOLDOWN.spec> {}

const goesOn = () => option.flag(undefined);
export const FALL_THROUGH = option.options(
  Object.fromEntries(FAILURE_REASONS.map((reason) => [reason, goesOn()])) as Record<
    FailureReason,
    ReturnType<typeof goesOn>
  >,
);

/** Whether the next target is asked, by the reason of a failure. */
export interface LlmFallThrough extends option.OptionsOf<typeof FALL_THROUGH.spec> {}

type CircuitOptions = Omit<CircuitBreakerOptions, 'name' | 'key'>;

export const POLICIES = {
  timeout: option.orNone(TIMEOUTS),
  /** Over `DEFAULT_LLM_OPTIONS`; `false`: no retries. */
  retry: option.custom<RetryOptions | false, RetryOptions | false>((value) => value as RetryOptions | false, {
    schema: policySchemas().retry,
  }),
  /** Over `DEFAULT_LLM_OPTIONS`; the name is always `llm:<provider>:<model>`. */
  circuitBreaker: option.custom<CircuitOptions, CircuitOptions>((value) => value as CircuitOptions, {
    schema: policySchemas().circuitBreaker,
  }),
  /** Over `DEFAULT_LLM_OPTIONS`, reason by reason. */
  cooldown: option.orNone(COOLDOWN),
  /**
   * A larger answer is cut off and counts as a failure of its target: a body, or the text of a stream. A single event of a stream
   * may have an eighth of it. An error's body must fit too, or nobody could say what was wrong. @default 8 MiB
   */
  maxAnswerBytes: option.whole(undefined, { min: 1024 }),
};

/** Policies of each target; the module's are the defaults of every provider's. */
export interface LlmPolicyOptions extends option.OptionsOf<typeof POLICIES> {}

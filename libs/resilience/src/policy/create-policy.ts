import type { AttemptContext } from '../engine/attempt.js';
import type { Clock } from '../engine/clock.js';
import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import type { EventSink } from '../engine/events.js';
import type { Method, PipelineParts } from '../engine/pipeline-parts.js';
import { Pipeline } from '../engine/pipeline.js';
import { createPolicyContext } from '../engine/policy-context.js';
import type { Random } from '../engine/random.js';
import { kindOfValue } from '../engine/return-kind.js';
import { PolicyRegistry } from './policy-registry.js';
import { type PolicyOptions, readPolicyOptions } from './policy.options.js';

/** A protected call. Gets its attempt, whose `signal` it should hand to whatever it calls. */
export type PolicyFunction<T> = (attempt: AttemptContext) => PromiseLike<T> | T;

export interface ExecuteOptions {
  /** Ends the call, its waits and its attempt's signal. */
  readonly signal?: AbortSignal | undefined;
}

/** Policies around any function, without decorators. */
export interface Policy {
  readonly name: string;
  /** Runs `fn` through the policies; rejects with its last error when nobody could rescue it. */
  execute<T>(fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T>;
}

/** What an application shares and a policy on its own may be given. */
export interface PolicyEnvironment {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly events?: EventSink;
  /** Needed for `deadLetter`. Inside an application use `ResilienceService.policy` instead. */
  readonly deadLetters?: DeadLetterSink;
}

/**
 * Makes a policy that needs neither Nest nor decorators; its circuit and budget are its own.
 * @throws ResilienceOptionsError with every problem at once
 * @example `const policy = createPolicy({ retry: 2, timeout: '5s' }); await policy.execute(({ signal }) => fetch(url, { signal }));`
 */
export function createPolicy(options: PolicyOptions & PolicyEnvironment): Policy {
  const { clock, random, events, deadLetters, ...policy } = options;
  const registry = new PolicyRegistry({
    context: createPolicyContext({ ...(clock && { clock }), ...(random && { random }), ...(events && { events }) }),
    deadLetters: (_options, target) => {
      if (deadLetters !== undefined) return deadLetters;
      const allowed = 'deadLetters: a DeadLetterSink beside it, or ResilienceService.policy(...) inside an application';
      throw new ResilienceOptionsError([{ path: `${target} > deadLetter`, value: policy.deadLetter, allowed }]);
    },
  });
  return registerPolicy(registry, policy);
}

/** Makes a policy on an application's registry. */
export function registerPolicy(registry: PolicyRegistry, options: PolicyOptions): Policy {
  const name = options.name ?? 'policy';
  const resolved = readPolicyOptions(options, name);
  return new RegisteredPolicy(name, registry.build(name, resolved, 0));
}

class RegisteredPolicy implements Policy {
  constructor(
    readonly name: string,
    private readonly parts: PipelineParts,
  ) {}

  async execute<T>(fn: PolicyFunction<T>, { signal }: ExecuteOptions = {}): Promise<T> {
    // A pipeline learns what its one method returns; here every call brings another function.
    const pipeline = new Pipeline(this.parts, 'promise');
    const method = ((attempt: AttemptContext) => promised(fn(attempt))) as Method;
    const outcome =
      signal === undefined
        ? pipeline.invoke(method, undefined, [])
        : pipeline.withSignal(method, undefined, [], signal);
    return (await outcome) as T;
  }
}

/** Nobody waits for a plain value here, so it takes the lane in which retries may wait. */
function promised(outcome: unknown): unknown {
  return kindOfValue(outcome) === 'sync' ? Promise.resolve(outcome) : outcome;
}

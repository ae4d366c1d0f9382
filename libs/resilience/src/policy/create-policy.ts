import { onAbort } from '../engine/abort-listeners.js';
import type { AttemptContext, AttemptRecord } from '../engine/attempt.js';
import type { Clock } from '../engine/clock.js';
import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import * as option from '../engine/option/index.js';
import type { Method, PipelineParts } from '../engine/pipeline-parts.js';
import { Pipeline } from '../engine/pipeline.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { kindOfValue } from '../engine/return-kind.js';
import { PolicyRegistry } from './policy-registry.js';
import { POLICY_ON_ITS_OWN, type PolicyEnvironment } from './policy-environment.js';
import { type PolicyOptions, readPolicyOptions, type ResolvedPolicy } from './policy.options.js';

/** A protected call. Gets its attempt, whose `signal` it should hand to whatever it calls. */
export type PolicyFunction<T> = (attempt: AttemptContext) => PromiseLike<T> | T;

/** A protected stream; its items come from whatever it returns. */
export type PolicyStream<T> = (attempt: AttemptContext) => AsyncIterable<T> | PromiseLike<AsyncIterable<T>>;

export interface ExecuteOptions {
  /** Ends the call, its waits and its attempt's signal. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told of each attempt that has ended: once it succeeded, failed or was given up. Refusals of a circuit or a limit are no attempts. What it
   * throws is ignored.
   */
  readonly onAttempt?: ((attempt: AttemptRecord) => void) | undefined;
}

/** Policies around any function, without decorators. */
export interface Policy {
  readonly name: string;
  /** Runs `fn` through the policies; rejects with its last error when nobody could rescue it. */
  execute<T>(fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T>;
  /**
   * Reads a stream through the policies. It is begun anew, or answered by a fallback, only until its first item; a stream that breaks later
   * throws. Nothing is called before it is read; leaving it early ends the attempt.
   */
  stream<T>(fn: PolicyStream<T>, options?: ExecuteOptions): AsyncGenerator<T, void, undefined>;
}

/**
 * Makes a policy that needs neither Nest nor decorators; its circuit and budget are its own.
 * @throws ResilienceOptionsError with every problem at once
 * @example `const policy = createPolicy({ retry: 2, timeout: '5s' }); await policy.execute(({ signal }) => fetch(url, { signal }));`
 */
export function createPolicy(options: PolicyOptions & PolicyEnvironment = {}): Policy {
  const name = nameOf(options);
  const policy = option.read<unknown, ResolvedPolicy>(POLICY_ON_ITS_OWN, options, name);
  refuseForFunctions(policy, name);
  const { deadLetters } = options;
  const registry = new PolicyRegistry({
    context: createPolicyContext(options),
    deadLetters: () => deadLetters ?? { store: () => Promise.resolve(undefined) },
  });
  return new RegisteredPolicy(name, registry.build(name, policy, { attemptIndex: 0 }));
}

/** Makes a policy on an application's registry. */
export function registerPolicy(registry: PolicyRegistry, options: PolicyOptions, before?: PolicyOptions): Policy {
  const name = nameOf(options);
  const known = before && readPolicyOptions(before, name);
  return new RegisteredPolicy(name, buildFunctionPolicy(registry, name, readPolicyOptions(options, name), known));
}

/** @param before what was in effect until now, when a running policy is reconfigured */
export function buildFunctionPolicy(
  registry: PolicyRegistry,
  name: string,
  policy: ResolvedPolicy,
  before?: ResolvedPolicy,
): PipelineParts {
  refuseForFunctions(policy, name);
  return registry.build(name, policy, { attemptIndex: 0, before });
}

function nameOf(options: PolicyOptions | undefined | null): string {
  const name: unknown = options?.name;
  return typeof name === 'string' && name !== '' ? name : 'policy';
}

/** A method name means something only beside a class, and a key made of arguments only where a call has arguments. */
export function refuseForFunctions({ fallback = [], cache, coalesce }: ResolvedPolicy, name: string): void {
  const problems: OptionProblem[] = fallback
    .filter(({ target }) => typeof target === 'string')
    .map(({ target }) => ({
      path: `${name} > fallback`,
      value: target,
      allowed: 'a function or { value }: a policy for functions has no methods to choose from',
    }));
  for (const [kind, options] of Object.entries({ cache, coalesce })) {
    if (options === undefined || options.key !== undefined) continue;
    const allowed = 'a function: without arguments to tell them apart, all functions would get the same answer';
    problems.push({ path: `${name} > ${kind} > key`, value: undefined, allowed });
  }
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
}

export class RegisteredPolicy implements Policy {
  constructor(
    readonly name: string,
    /** Replaced when the policy is reconfigured; calls that run keep theirs. */
    public parts: PipelineParts,
  ) {}

  async execute<T>(fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T> {
    const { signal, onAttempt } = readExecution(this.name, fn, options);
    // A pipeline learns what its one method returns; here every call brings another function.
    const pipeline = new Pipeline(this.parts, 'promise');
    const run = (attempt: AttemptContext) => promised(fn(attempt));
    const method = (onAttempt === undefined ? run : telling(onAttempt, this.parts.context.clock, run)) as Method;
    const outcome =
      signal === undefined
        ? pipeline.invoke(method, undefined, [])
        : pipeline.withSignal(method, undefined, [], signal);
    return (await outcome) as T;
  }

  async *stream<T>(fn: PolicyStream<T>, options?: ExecuteOptions): AsyncGenerator<T, void, undefined> {
    const { signal, onAttempt } = readExecution(this.name, fn, options);
    const run = async function* (attempt: AttemptContext) {
      yield* await fn(attempt);
    };
    const { clock } = this.parts.context;
    const method = (onAttempt === undefined ? run : tellingItems(onAttempt, clock, run)) as Method;
    yield* new Pipeline(this.parts, 'iterable').iterate(method, undefined, [], signal) as AsyncGenerator<T>;
  }
}

type OnAttempt = NonNullable<ExecuteOptions['onAttempt']>;

/** Watches one attempt; the returned function says how it ended, of which the first time counts. */
function watch(onAttempt: OnAttempt, clock: Clock, { number, signal }: AttemptContext): (error?: unknown) => void {
  const [startedAt, began] = [clock.epochNow(), clock.now()];
  let ended = false;
  const end = (error?: unknown): void => {
    if (ended) return;
    ended = true;
    unlisten();
    try {
      onAttempt({ number, startedAt, durationMs: clock.now() - began, error });
    } catch {
      // A listener's trouble is not the call's.
    }
  };
  const unlisten = onAbort(signal, () => end(signal.reason));
  return end;
}

function telling(onAttempt: OnAttempt, clock: Clock, run: (attempt: AttemptContext) => unknown): typeof run {
  return async (attempt) => {
    const end = watch(onAttempt, clock, attempt);
    try {
      const value: unknown = await run(attempt);
      end();
      return value;
    } catch (error) {
      end(error);
      throw error;
    }
  };
}

function tellingItems<T>(
  onAttempt: OnAttempt,
  clock: Clock,
  run: (attempt: AttemptContext) => AsyncGenerator<T>,
): typeof run {
  return async function* (attempt) {
    const end = watch(onAttempt, clock, attempt);
    try {
      yield* run(attempt);
    } catch (error) {
      end(error);
      throw error;
    } finally {
      end();
    }
  };
}

const EXECUTE = option.options({
  onAttempt: option.fn<OnAttempt>(),
  signal: option.custom<AbortSignal, AbortSignal>((value, at) =>
    isSignal(value) ? value : at.refuse(value, 'an AbortSignal: the signal of an AbortController'),
  ),
});

const NOTHING: ExecuteOptions = {};

/** No policy mends a call that cannot be made, so none sees it. */
function readExecution(name: string, fn: unknown, options: ExecuteOptions | undefined): ExecuteOptions {
  // Of most calls there is nothing to check, and each would pay for it.
  if (options === undefined && typeof fn === 'function') return NOTHING;
  const at = new option.Place(`${name} > execute`);
  const read = EXECUTE.read(options, at);
  if (typeof fn !== 'function')
    at.at('fn').refuse(fn, 'the function to run, such as ({ signal }) => fetch(url, { signal })');
  at.finish();
  return read ?? NOTHING;
}

/** By its shape: an application may bring an AbortController of its own. */
function isSignal(value: unknown): value is AbortSignal {
  const { aborted, addEventListener } = Object(value) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** Nobody waits for a plain value here, so it takes the lane in which retries may wait. */
function promised(outcome: unknown): unknown {
  return kindOfValue(outcome) === 'sync' ? Promise.resolve(outcome) : outcome;
}

import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';

import { Bulkhead } from '../bulkhead/index.js';
import { Cache } from '../cache/index.js';
import { Chaos } from '../chaos/index.js';
import { CircuitBreaker } from '../circuit-breaker/index.js';
import { Coalesce } from '../coalesce/index.js';
import { DeadLetter } from '../dead-letter/index.js';
import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import { Fallback } from '../fallback/index.js';
import { Hedge } from '../hedge/index.js';
import { RateLimit } from '../rate-limit/index.js';
import { Retry } from '../retry/index.js';
import { Timeout } from '../timeout/index.js';
import { createPolicy } from './create-policy.js';

const DECORATORS = {
  Retry,
  CircuitBreaker,
  Timeout,
  Fallback,
  DeadLetter,
  Hedge,
  Chaos,
  Cache,
  Coalesce,
  Bulkhead,
  RateLimit,
} as unknown as Record<string, (options: unknown) => MethodDecorator & ClassDecorator>;

/** The problems of a decorator with these options on `OrderService.charge`. */
function problemsOf(decorator: string, options: unknown): readonly OptionProblem[] {
  class OrderService {
    charge(): void {}
  }
  return problemsIn(() => {
    const descriptor = Object.getOwnPropertyDescriptor(OrderService.prototype, 'charge')!;
    DECORATORS[decorator]!(options)(OrderService.prototype, 'charge', descriptor);
  });
}

function problemsIn(run: () => unknown): readonly OptionProblem[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ResilienceOptionsError) return error.problems;
    throw error;
  }
  return [];
}

const DURATION = [NaN, -1, Infinity, -Infinity, '', 'soon', '5 parsecs', '-1s', true, null, {}, []];
const COUNT = [NaN, -1, Infinity, 1.5, '3', true, null, {}];
const NUMBER = [NaN, -1, Infinity, '3', true, null, {}];
const RATE = [...NUMBER, 1.01, 50];
const BOOLEAN = ['true', 0, 1, null, {}];
const MATCHER = [5, 'Error', {}, [], ['Error'], [Error, 5], null, true];
const FUNCTION = [5, 'x', {}, [], null, true];
const TEXT = [5, '', null, {}, true, []];
const REDACT = [5, 'password', true, null, {}];

interface Case {
  readonly decorator: string;
  readonly option: string;
  readonly wrong: readonly unknown[];
  readonly allowed: RegExp;
  /** What the option needs beside it to mean anything. */
  readonly beside?: object;
}

const count = { window: { type: 'count' } };
const consecutive = { window: 'consecutive' };
const perSecond = { limit: 5, interval: '1s' };

const CASES: readonly Case[] = [
  { decorator: 'Retry', option: 'maxRetries', wrong: COUNT, allowed: /^a whole number >= 0$/ },
  { decorator: 'Retry', option: 'strategy', wrong: ['exponental', '', 5, null, {}], allowed: /^one of 'exponential', 'linear', 'fibonacci', 'constant', 'immediate'/ }, // prettier-ignore
  { decorator: 'Retry', option: 'baseDelay', wrong: DURATION, allowed: /^a duration >= 0/ },
  { decorator: 'Retry', option: 'multiplier', wrong: [...NUMBER, 0, 0.5], allowed: /^a number from 1 to 1000$/ },
  { decorator: 'Retry', option: 'maxDelay', wrong: DURATION, allowed: /^a duration >= 0/ },
  { decorator: 'Retry', option: 'jitter', wrong: [NaN, -1, Infinity], allowed: /^a number from 0 to 10$/ },
  { decorator: 'Retry', option: 'jitter', wrong: ['ful', true, null, {}], allowed: /^one of 'full', 'equal', 'decorrelated', 'none'/ }, // prettier-ignore
  { decorator: 'Retry', option: 'retryOn', wrong: MATCHER, allowed: /^an Error class, a predicate/ },
  { decorator: 'Retry', option: 'abortOn', wrong: MATCHER, allowed: /^an Error class, a predicate/ },
  { decorator: 'Retry', option: 'retryOnResult', wrong: FUNCTION, allowed: /^a function$/ },
  { decorator: 'Retry', option: 'maxElapsed', wrong: DURATION, allowed: /^a duration >= 0/ },
  { decorator: 'Retry', option: 'honorRetryAfter', wrong: BOOLEAN, allowed: /^true or false$/ },
  { decorator: 'Retry', option: 'retryAfterCap', wrong: DURATION, allowed: /^a duration >= 0/ },
  { decorator: 'Retry', option: 'budget', wrong: [true, 5, 'x', null, []], allowed: /^an options object with ratio, min$/ }, // prettier-ignore
  { decorator: 'CircuitBreaker', option: 'name', wrong: TEXT, allowed: /^a string that is not empty$/ },
  { decorator: 'CircuitBreaker', option: 'window', wrong: [true, null], allowed: /'count' \| 'time' \| 'consecutive'/ },
  { decorator: 'CircuitBreaker', option: 'failureThreshold', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/, beside: consecutive }, // prettier-ignore
  {
    decorator: 'CircuitBreaker',
    option: 'failureRate',
    wrong: [...RATE, 0],
    allowed: /^a number above 0 and up to 1$/,
  },
  { decorator: 'CircuitBreaker', option: 'minimumCalls', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/ },
  { decorator: 'CircuitBreaker', option: 'slowCallDuration', wrong: DURATION, allowed: /^a duration >= 0/ },
  {
    decorator: 'CircuitBreaker',
    option: 'slowCallRate',
    wrong: [...RATE, 0],
    allowed: /^a number above 0 and up to 1$/,
  },
  { decorator: 'CircuitBreaker', option: 'recoveryTimeout', wrong: DURATION, allowed: /^a duration >= 0/ },
  { decorator: 'CircuitBreaker', option: 'halfOpenCalls', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/ },
  { decorator: 'CircuitBreaker', option: 'successThreshold', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/ },
  { decorator: 'CircuitBreaker', option: 'halfOpenTimeout', wrong: [...DURATION, 0], allowed: /^a duration >= 1/ },
  { decorator: 'CircuitBreaker', option: 'recordOn', wrong: MATCHER, allowed: /^an Error class, a predicate/ },
  { decorator: 'CircuitBreaker', option: 'ignoreOn', wrong: MATCHER, allowed: /^an Error class, a predicate/ },
  { decorator: 'CircuitBreaker', option: 'recordResult', wrong: FUNCTION, allowed: /^a function$/ },
  { decorator: 'CircuitBreaker', option: 'key', wrong: FUNCTION, allowed: /^a function$/ },
  { decorator: 'CircuitBreaker', option: 'maxKeys', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/, beside: { key: () => 'k' } }, // prettier-ignore
  { decorator: 'Timeout', option: 'each', wrong: [...DURATION.filter((value) => value !== Infinity), 0], allowed: /^a duration >= 1/ }, // prettier-ignore
  { decorator: 'Timeout', option: 'total', wrong: [...DURATION, 0], allowed: /^a duration >= 1/ },
  { decorator: 'Timeout', option: 'growth', wrong: [...NUMBER, 0, 0.5], allowed: /^a number from 1 to 100$/ },
  { decorator: 'Timeout', option: 'max', wrong: [...DURATION, 0], allowed: /^a duration >= 1/ },
  { decorator: 'Timeout', option: 'firstItem', wrong: [...DURATION, 0], allowed: /^a duration >= 1/ },
  { decorator: 'Timeout', option: 'idle', wrong: [...DURATION, 0], allowed: /^a duration >= 1/ },
  { decorator: 'Fallback', option: 'use', wrong: [5, '', null, {}, [], true, undefined], allowed: /^a method name, a function or \{ value \}$/ }, // prettier-ignore
  { decorator: 'Fallback', option: 'on', wrong: MATCHER, allowed: /^an Error class, a predicate/, beside: { use: 'other' } }, // prettier-ignore
  { decorator: 'Fallback', option: 'priority', wrong: [NaN, Infinity, '3', true, null], allowed: /^a number$/, beside: { use: 'other' } }, // prettier-ignore
  { decorator: 'DeadLetter', option: 'queue', wrong: TEXT, allowed: /^a string that is not empty$/ },
  { decorator: 'DeadLetter', option: 'capture', wrong: ['exausted', 5, null], allowed: /^one of 'unrecovered', 'exhausted'/ }, // prettier-ignore
  { decorator: 'DeadLetter', option: 'rethrow', wrong: BOOLEAN, allowed: /^true or false$/ },
  { decorator: 'DeadLetter', option: 'serializeArgs', wrong: FUNCTION, allowed: /^a function$/, beside: { reviveArgs: () => [] } }, // prettier-ignore
  { decorator: 'DeadLetter', option: 'reviveArgs', wrong: FUNCTION, allowed: /^a function$/, beside: { serializeArgs: () => [] } }, // prettier-ignore
  { decorator: 'DeadLetter', option: 'redact', wrong: REDACT, allowed: /^paths such as/ },
  { decorator: 'DeadLetter', option: 'idempotencyKey', wrong: FUNCTION, allowed: /^a function$/ },
  { decorator: 'DeadLetter', option: 'maxRedrives', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/ },
  { decorator: 'DeadLetter', option: 'maxArgsBytes', wrong: [...COUNT, 0, 1023], allowed: /^a whole number >= 1024$/ },
  { decorator: 'Cache', option: 'ttl', wrong: [...DURATION, 0, undefined], allowed: /^a duration >= 1/ },
  { decorator: 'Cache', option: 'staleIfError', wrong: DURATION, allowed: /^a duration >= 0/, beside: { ttl: 1 } },
  { decorator: 'Cache', option: 'staleOn', wrong: MATCHER, allowed: /^an Error class, a predicate/, beside: { ttl: 1, staleIfError: 1 } }, // prettier-ignore
  { decorator: 'Cache', option: 'key', wrong: FUNCTION, allowed: /^a function$/, beside: { ttl: 1 } },
  { decorator: 'Cache', option: 'maxEntries', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/, beside: { ttl: 1 } }, // prettier-ignore
  { decorator: 'Cache', option: 'cacheResult', wrong: FUNCTION, allowed: /^a function$/, beside: { ttl: 1 } },
  { decorator: 'Cache', option: 'name', wrong: TEXT, allowed: /^a string that is not empty$/, beside: { ttl: 1 } },
  { decorator: 'Coalesce', option: 'key', wrong: FUNCTION, allowed: /^a function$/ },
  { decorator: 'Bulkhead', option: 'name', wrong: TEXT, allowed: /^a string that is not empty$/ },
  { decorator: 'Bulkhead', option: 'maxConcurrent', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/ },
  { decorator: 'Bulkhead', option: 'maxQueue', wrong: COUNT, allowed: /^a whole number >= 0$/ },
  { decorator: 'Bulkhead', option: 'maxWait', wrong: [...DURATION, 0], allowed: /^a duration >= 1/, beside: { maxQueue: 1 } }, // prettier-ignore
  { decorator: 'RateLimit', option: 'name', wrong: TEXT, allowed: /^a string that is not empty$/, beside: perSecond },
  { decorator: 'RateLimit', option: 'limit', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/, beside: perSecond }, // prettier-ignore
  { decorator: 'RateLimit', option: 'interval', wrong: [...DURATION, 0], allowed: /^a duration >= 1/, beside: perSecond }, // prettier-ignore
  { decorator: 'RateLimit', option: 'maxWait', wrong: DURATION, allowed: /^a duration >= 0/, beside: perSecond },
  { decorator: 'RateLimit', option: 'cost', wrong: [...FUNCTION, NaN], allowed: /^a function$/, beside: perSecond },
  { decorator: 'RateLimit', option: 'key', wrong: FUNCTION, allowed: /^a function$/, beside: perSecond },
  { decorator: 'RateLimit', option: 'maxKeys', wrong: [...COUNT, 0], allowed: /^a whole number >= 1$/, beside: { ...perSecond, key: () => 'k' } }, // prettier-ignore
  { decorator: 'Hedge', option: 'delay', wrong: DURATION, allowed: /^a duration >= 0/ },
  { decorator: 'Hedge', option: 'percentile', wrong: [...RATE, 0, 1], allowed: /^a number above 0 and below 1/ },
  { decorator: 'Hedge', option: 'maxHedges', wrong: [...COUNT, 0, 11], allowed: /^a whole number from 1 to 10$/, beside: { delay: 5 } }, // prettier-ignore
  { decorator: 'Chaos', option: 'rate', wrong: [...RATE, undefined], allowed: /^a number from 0 to 1$/, beside: { result: 1 } }, // prettier-ignore
  { decorator: 'Chaos', option: 'fault', wrong: ['down', 5, null, {}, true, [], TypeError, Error], allowed: /^an Error, or a function that makes one/, beside: { rate: 1 } }, // prettier-ignore
  { decorator: 'Chaos', option: 'latency', wrong: [...DURATION, ['1s'], ['2s', '1s'], [1, 2, 3], [-1, 5], [0, Infinity]], allowed: /^a duration >= 0 .*, or \[min, max\]$/, beside: { rate: 1 } }, // prettier-ignore
  { decorator: 'Chaos', option: 'enabled', wrong: BOOLEAN, allowed: /^true, false or a function/, beside: { rate: 1, result: 1 } }, // prettier-ignore
  { decorator: 'Chaos', option: 'until', wrong: ['soon', '5', '', '2026-13-01', 5, null, {}, true, new Date(NaN)], allowed: /^an ISO date/, beside: { rate: 1, result: 1 } }, // prettier-ignore
  { decorator: 'Chaos', option: 'name', wrong: TEXT, allowed: /^a string that is not empty$/, beside: { rate: 1, result: 1 } }, // prettier-ignore
];

const everyWrongValue = CASES.flatMap(({ wrong, ...rest }) => wrong.map((value) => ({ ...rest, value })));

describe('a wrong value', () => {
  it.each(everyWrongValue)(
    '@$decorator({ $option: $value }) is refused with its path, the value and what is allowed',
    ({ decorator, option, value, allowed, beside }) => {
      const problems = problemsOf(decorator, { ...beside, [option]: value });

      expect(problems).toEqual([
        { path: `OrderService.charge > @${decorator} > ${option}`, value, allowed: expect.stringMatching(allowed) },
      ]);
    },
  );

  it.each<[decorator: string, options: object, option: string, value: unknown, allowed: RegExp]>([
    ['Retry', { budget: { ratio: 1.5 } }, 'budget > ratio', 1.5, /^a number from 0 to 1$/],
    ['Retry', { budget: { ratio: NaN } }, 'budget > ratio', NaN, /^a number from 0 to 1$/],
    ['Retry', { budget: { min: 0.5 } }, 'budget > min', 0.5, /^a whole number >= 0$/],
    ['Retry', { budget: { ration: 1 } }, 'budget > ration', 1, /did you mean 'ratio'/],
    ['CircuitBreaker', { window: { type: 'cout' } }, 'window > type', 'cout', /did you mean 'count'/],
    ['CircuitBreaker', { window: {} }, 'window > type', undefined, /^one of 'count', 'time', 'consecutive'$/],
    ['CircuitBreaker', { window: { ...count.window, size: 0 } }, 'window > size', 0, /^a whole number from 1/],
    ['CircuitBreaker', { window: { ...count.window, size: NaN } }, 'window > size', NaN, /^a whole number from 1/],
    ['CircuitBreaker', { window: 0 }, 'window > size', 0, /^a whole number from 1 to 100000$/],
    ['CircuitBreaker', { window: 1e6 }, 'window > size', 1e6, /^a whole number from 1 to 100000$/],
    ['CircuitBreaker', { window: { type: 'time' } }, 'window > duration', undefined, /^a duration >= 10 such/],
    ['CircuitBreaker', { window: { type: 'time', duration: 'x' } }, 'window > duration', 'x', /^a duration >= 10 such/],
    ['CircuitBreaker', { window: '1ms' }, 'window > duration', '1ms', /^a duration >= 10 such/],
    ['CircuitBreaker', { window: 'consectuive' }, 'window', 'consectuive', /did you mean 'consecutive'/],
    ['CircuitBreaker', { window: { type: 'count', siz: 5 } }, 'window > siz', 5, /did you mean 'size'/],
    ['CircuitBreaker', { window: { type: 'count', duration: '1s' } }, 'window > duration', '1s', /known: type, size$/],
    [
      'CircuitBreaker',
      { window: { type: 'time', duration: '1s', size: 5 } },
      'window > size',
      5,
      /known: type, duration$/,
    ],
    ['CircuitBreaker', { window: { type: 'consecutive', size: 5 } }, 'window > size', 5, /known: type$/],
    ['DeadLetter', { redact: ['a..b'] }, 'redact[0]', 'a..b', /^a path such as/],
    ['DeadLetter', { serializeArgs: () => 1 }, 'reviveArgs', undefined, /because serializeArgs is given/],
  ])('@%s(%p) is refused at %s', (decorator, options, option, value, allowed) => {
    expect(problemsOf(decorator, options)).toEqual([
      { path: `OrderService.charge > @${decorator} > ${option}`, value, allowed: expect.stringMatching(allowed) },
    ]);
  });

  it.each<[string, unknown]>([
    ['Retry', 'three'],
    ['Retry', true],
    ['Retry', null],
    ['Retry', []],
    ['CircuitBreaker', 5],
    ['CircuitBreaker', 'open'],
    ['CircuitBreaker', null],
    ['Timeout', true],
    ['Timeout', null],
    ['Timeout', []],
    ['Fallback', undefined],
    ['Fallback', null],
    ['Fallback', 5],
    ['Fallback', ''],
    ['Fallback', []],
    ['Fallback', {}],
    ['DeadLetter', 5],
    ['DeadLetter', null],
    ['Cache', true],
    ['Cache', null],
    ['Cache', []],
    ['Coalesce', 'id'],
    ['Coalesce', 5],
    ['Coalesce', null],
    ['Bulkhead', true],
    ['Bulkhead', 'ten'],
    ['Bulkhead', null],
    ['Bulkhead', []],
    ['RateLimit', 5],
    ['RateLimit', '1s'],
    ['RateLimit', true],
    ['RateLimit', null],
    ['RateLimit', []],
    ['Hedge', undefined],
    ['Hedge', {}],
    ['Hedge', { maxHedges: 2 }],
    ['Hedge', true],
    ['Hedge', null],
    ['Hedge', []],
    ['Chaos', { rate: 1 }],
    ['Chaos', { rate: 1, fault: new Error('down'), latency: 5 }],
    ['Chaos', { rate: 1, latency: 5, result: 5 }],
    ['Chaos', 5],
    ['Chaos', 'fault'],
    ['Chaos', null],
    ['Chaos', []],
  ])('@%s(%p) is refused as a whole', (decorator, options) => {
    expect(problemsOf(decorator, options)).toMatchObject([
      { path: `OrderService.charge > @${decorator}`, value: options },
    ]);
  });

  it.each<[string, unknown, string]>([
    ['Retry', NaN, 'maxRetries'],
    ['Retry', -1, 'maxRetries'],
    ['Retry', 1.5, 'maxRetries'],
    ['Timeout', NaN, 'each'],
    ['Timeout', -5, 'each'],
    ['Timeout', 'later', 'each'],
    ['DeadLetter', '', 'queue'],
    ['Cache', NaN, 'ttl'],
    ['Cache', 0, 'ttl'],
    ['Cache', 'soon', 'ttl'],
    ['Bulkhead', NaN, 'maxConcurrent'],
    ['Bulkhead', 0, 'maxConcurrent'],
    ['Bulkhead', 1.5, 'maxConcurrent'],
    ['Hedge', NaN, 'delay'],
    ['Hedge', 'soon', 'delay'],
  ])('the shorthand @%s(%p) is refused as %s', (decorator, short, option) => {
    expect(problemsOf(decorator, short)).toMatchObject([
      { path: `OrderService.charge > @${decorator} > ${option}`, value: short },
    ]);
  });
});

describe('an unknown option', () => {
  it.each([
    ['Retry', 'maxRetires', 'maxRetries'],
    ['Retry', 'basedelay', 'baseDelay'],
    ['Retry', 'retyOn', 'retryOn'],
    ['CircuitBreaker', 'failureTreshold', 'failureThreshold'],
    ['CircuitBreaker', 'halfOpenCall', 'halfOpenCalls'],
    ['CircuitBreaker', 'recoverTimeout', 'recoveryTimeout'],
    ['Timeout', 'eahc', 'each'],
    ['Timeout', 'firstitem', 'firstItem'],
    ['DeadLetter', 'retrow', 'rethrow'],
    ['Bulkhead', 'maxConcurent', 'maxConcurrent'],
    ['Coalesce', 'kye', 'key'],
  ])('@%s({ %s }) is refused: did you mean %s', (decorator, wrong, right) => {
    const [problem, ...others] = problemsOf(decorator, { [wrong]: 1 });

    expect(others).toEqual([]);
    expect(problem).toMatchObject({ path: `OrderService.charge > @${decorator} > ${wrong}`, value: 1 });
    expect(problem?.allowed).toContain(`no such option (did you mean '${right}'?); known: `);
  });

  it.each([
    ['Cache', { ttl: 1, maxEntrys: 2 }, 'maxEntries'],
    ['RateLimit', { ...perSecond, maxwait: 1 }, 'maxWait'],
    ['Hedge', { delay: 1, maxHedge: 2 }, 'maxHedges'],
    ['Chaos', { rate: 1, result: 1, enable: true }, 'enabled'],
  ])('among good ones is refused too: @%s(%j): did you mean %s', (decorator, options, right) => {
    expect(problemsOf(decorator, options)).toMatchObject([
      { allowed: expect.stringContaining(`no such option (did you mean '${right}'?); known: `) },
    ]);
  });

  it('of a fallback entry is refused the same way', () => {
    expect(problemsOf('Fallback', { use: 'other', priorty: 1 })[0]?.allowed).toContain("did you mean 'priority'?");
  });

  it('that resembles nothing is refused without a guess', () => {
    const [problem] = problemsOf('Retry', { zzzzzzzzzzzzz: 1 });

    expect(problem?.allowed).toMatch(/^no such option; known: maxRetries, strategy,/);
  });
});

describe('options that contradict each other', () => {
  it.each<[object, string]>([
    [{ failureThreshold: 5, failureRate: 0.5 }, 'failureRate'],
    [{ window: 'consecutive', minimumCalls: 5 }, 'minimumCalls'],
    [{ window: 'consecutive', slowCallDuration: '1s' }, 'slowCallDuration'],
    [{ window: 20, failureThreshold: 5 }, 'failureThreshold'],
    [{ maxKeys: 5 }, 'maxKeys'],
  ])('%j would silently do nothing', (options, option) => {
    expect(problemsOf('CircuitBreaker', options)).toMatchObject([
      { path: `OrderService.charge > @CircuitBreaker > ${option}` },
    ]);
  });
});

describe('many wrong options', () => {
  it('come all at once, in one readable error', () => {
    const options = { maxRetries: -1, baseDelay: 'x', jitter: 'ful', retryOn: 5, budget: { ratio: 2 }, retires: 1 };

    const problems = problemsOf('Retry', options);

    expect(problems.map(({ path }) => path.replace('OrderService.charge > @Retry > ', '')).sort()).toEqual([
      'baseDelay',
      'budget > ratio',
      'jitter',
      'maxRetries',
      'retires',
      'retryOn',
    ]);
    const error = new ResilienceOptionsError(problems);
    expect(error).toMatchObject({ code: 'RESILIENCE_OPTIONS', policy: 'OrderService.charge' });
    expect(error.message).toMatch(/^6 options are not usable:\n( {2}- OrderService\.charge > @Retry > .+: got .+, expected .+\n?){6}$/); // prettier-ignore
  });

  it('of a fallback chain name the entry', () => {
    const chain = ['fine', 5, { use: '' }, { use: 'x', on: 5, priority: NaN }, { us: 'x' }];

    expect(problemsOf('Fallback', chain).map(({ path }) => path.split('@Fallback > ')[1])).toEqual([
      '[1]',
      '[4]',
      '[2] > use',
      '[3] > on',
      '[3] > priority',
    ].sort()); // prettier-ignore
  });

  it('of all policies of createPolicy come together', () => {
    const problems = problemsIn(() =>
      createPolicy({
        name: 'llm',
        retry: { maxRetries: -1, multiplier: NaN },
        circuitBreaker: { failureRate: 2 },
        timeout: 'never',
        fallback: 5 as never,
        deadLetter: '',
        rety: 1,
      } as never),
    );

    expect(problems.map(({ path }) => path)).toEqual([
      'llm > rety',
      'llm > deadLetter > queue',
      'llm > fallback',
      'llm > timeout > each',
      'llm > retry > maxRetries',
      'llm > retry > multiplier',
      'llm > circuitBreaker > failureRate',
      'llm > deadLetter',
    ]);
    expect(problems[0]?.allowed).toContain("did you mean 'retry'?");
  });
});

describe('createPolicy', () => {
  it.each<[string, unknown, RegExp]>([
    ['clock', 5, /now, epochNow, setTimer/],
    ['clock', { now: () => 0 }, /now, epochNow, setTimer/],
    ['events', { emit: () => undefined }, /listens, emit/],
    ['deadLetters', {}, /store/],
    ['random', 0.5, /^a function$/],
    ['fallback', 'secondary', /^a function or \{ value \}/],
    ['fallback', [{ use: 'secondary' }], /^a function or \{ value \}/],
    ['deadLetter', true, /^deadLetters: a DeadLetterSink beside it/],
    ['retry', null, /^an options object/],
    ['circuitBreaker', null, /^an options object/],
    ['name', '', /^a string that is not empty$/],
    ['clok', 1, /did you mean 'clock'/],
  ])('refuses { %s: %p }', (name, value, allowed) => {
    expect(problemsIn(() => createPolicy({ [name]: value }))).toMatchObject([
      { path: expect.stringContaining(` > ${name}`), allowed: expect.stringMatching(allowed) },
    ]);
  });

  it.each([null, 5, 'llm', []])('refuses %p', (options) => {
    expect(problemsIn(() => createPolicy(options as never))).toMatchObject([{ path: 'policy', value: options }]);
  });

  it('takes true for the defaults and false for nothing', async () => {
    const policy = createPolicy({ retry: true, circuitBreaker: true, timeout: false, deadLetter: false });

    await expect(policy.execute(() => 'ok')).resolves.toBe('ok');
  });
});

describe('a decorator', () => {
  class Base {
    field = 1;
    get accessor(): number {
      return 1;
    }
    static make(): void {}
    method(): void {}
  }
  const decorate = (target: object, key: string | symbol): readonly OptionProblem[] =>
    problemsIn(() => Retry()(target, key, Object.getOwnPropertyDescriptor(target, key) as never));

  it.each<[string, object, string]>([
    ['a property', Base.prototype, 'field'],
    ['an accessor', Base.prototype, 'accessor'],
    ['a static method', Base, 'make'],
  ])('on %s is refused', (_what, target, key) => {
    expect(decorate(target, key)).toMatchObject([
      { path: `Base.${key} > @Retry`, allowed: 'an instance method with a string name' },
    ]);
  });

  it('on a class without methods is refused', () => {
    expect(problemsIn(() => Retry()(class Empty {}))).toMatchObject([{ path: 'Empty > @Retry' }]);
  });

  it.each(['Retry', 'CircuitBreaker', 'Timeout', 'Fallback', 'DeadLetter', 'Bulkhead'])(
    '@%s twice on one method is refused',
    (name) => {
      class OrderService {
        charge(): void {}
      }
      const descriptor = Object.getOwnPropertyDescriptor(OrderService.prototype, 'charge')!;
      const options = name === 'Fallback' ? { value: 1 } : undefined;
      DECORATORS[name]!(options)(OrderService.prototype, 'charge', descriptor);

      const problems = problemsIn(() => DECORATORS[name]!(options)(OrderService.prototype, 'charge', descriptor));

      expect(problems).toMatchObject([{ path: expect.stringContaining(`OrderService.charge > @${name}`) }]);
    },
  );
});

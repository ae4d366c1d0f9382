import { describe, expect, it } from '@jest/globals';
import { HttpException, NotFoundException, ServiceUnavailableException } from '@nestjs/common';

import { CircuitOpenError } from '../../circuit-breaker/index.js';
import { TimeoutError } from '../../timeout/index.js';
import { ResilienceOptionsError } from '../errors.js';
import { type FailureKind, type FailureReason, VERDICTS } from './classification.js';
import { classifyError } from './classify-error.js';

const error = (fields: object, message = ''): Error => Object.assign(new Error(message), fields);
const caused = (cause: unknown, message = ''): Error => new Error(message, { cause });

type Row = [what: string, error: unknown, reason: FailureReason];

describe('what every reason means to the policies', () => {
  it.each<[FailureReason, FailureKind, retried: boolean, counted: boolean]>([
    ['timeout', 'transient', true, true],
    ['network', 'transient', true, true],
    ['rate_limit', 'transient', true, true],
    ['overloaded', 'transient', true, true],
    ['server_error', 'transient', true, true],
    ['invalid_output', 'transient', true, true],
    ['resource', 'system', true, true],
    ['unknown', 'unknown', true, true],
    ['auth', 'permanent', false, true],
    ['permission', 'permanent', false, true],
    ['quota', 'permanent', false, true],
    ['bad_request', 'permanent', false, false],
    ['not_found', 'permanent', false, false],
    ['context_length', 'permanent', false, false],
    ['content_policy', 'permanent', false, false],
  ])('%s is %s; retried: %s, counted by a circuit: %s', (reason, kind, retryable, countsAsFailure) => {
    expect(VERDICTS[reason]).toEqual({ kind, retryable, countsAsFailure });
  });

  it('an abort by the caller is neither retried nor counted', () => {
    expect(VERDICTS.aborted).toMatchObject({ retryable: false, countsAsFailure: false });
  });

  it.each(['circuit_open', 'bulkhead_full'] as const)('%s is never retried', (reason) => {
    expect(VERDICTS[reason].retryable).toBe(false);
  });

  it('a full bulkhead of our own is not counted: the dependency was not asked', () => {
    expect(VERDICTS.bulkhead_full.countsAsFailure).toBe(false);
  });

  it.each<[what: string, error: unknown, kind: FailureKind, retried: boolean, counted: boolean]>([
    ['of the dependency', error({ status: 429 }), 'transient', true, true],
    ['of our own', error({ code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: 5 }), 'transient', true, false],
    [
      'of our own, as a cause',
      caused(error({ code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: 5 })),
      'transient',
      true,
      false,
    ],
    [
      'that the call can never pass',
      error({ code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: Infinity }),
      'permanent',
      false,
      false,
    ],
  ])('a rate limit %s is %s', (_what, limited, kind, retryable, countsAsFailure) => {
    expect(classifyError(limited)).toMatchObject({ kind, reason: 'rate_limit', retryable, countsAsFailure });
  });
});

describe('classifyError', () => {
  describe('by HTTP status', () => {
    it.each<[number, FailureReason]>([
      [400, 'bad_request'],
      [401, 'auth'],
      [402, 'quota'],
      [403, 'permission'],
      [404, 'not_found'],
      [405, 'bad_request'],
      [407, 'auth'],
      [408, 'timeout'],
      [409, 'bad_request'],
      [410, 'not_found'],
      [413, 'bad_request'],
      [422, 'bad_request'],
      [425, 'server_error'],
      [429, 'rate_limit'],
      [500, 'server_error'],
      [501, 'server_error'],
      [502, 'server_error'],
      [503, 'overloaded'],
      [504, 'timeout'],
      [529, 'overloaded'],
      [599, 'server_error'],
    ])('%i is %s, wherever a client keeps it', (status, reason) => {
      const shapes = [
        error({ status }),
        error({ statusCode: status }),
        error({ response: { status } }),
        error({ response: { statusCode: status } }),
        error({ getStatus: () => status }),
        new HttpException('', status),
        caused(error({ status })),
      ];

      expect(shapes.map((shape) => classifyError(shape).reason)).toEqual(shapes.map(() => reason));
    });

    it.each([400, 404, 409, 413, 422])('%i is the caller’s own fault: no circuit counts it', (status) => {
      expect(classifyError(error({ status }))).toMatchObject({ retryable: false, countsAsFailure: false });
    });

    it.each([401, 402, 403, 407])('%i is not retried but counts', (status) => {
      expect(classifyError(error({ status }))).toMatchObject({ retryable: false, countsAsFailure: true });
    });

    it.each<Row>([
      ['Nest’s 404', new NotFoundException(), 'not_found'],
      ['Nest’s 503', new ServiceUnavailableException(), 'overloaded'],
      ['a status that is none', error({ status: 1200 }), 'unknown'],
      ['a status in words', error({ status: 'failed' }), 'unknown'],
      ['a fractional status', error({ status: 404.5 }), 'unknown'],
    ])('%s', (_what, thrown, reason) => {
      expect(classifyError(thrown).reason).toBe(reason);
    });
  });

  describe('pain 12: statuses that mean two things', () => {
    it.each<Row>([
      ['429 with code insufficient_quota', error({ status: 429, code: 'insufficient_quota' }), 'quota'],
      ['429 with the code in the body', error({ status: 429, error: { code: 'insufficient_quota' } }), 'quota'],
      ['429 with nested body', error({ status: 429, data: { error: { type: 'insufficient_quota' } } }), 'quota'],
      ['429 about billing', error({ status: 429 }, 'You exceeded your plan, check your billing details'), 'quota'],
      ['429 with raw body', error({ statusCode: 429, responseBody: '{"error":"quota exceeded"}' }), 'quota'],
      [
        '429 whose rate limit names the billing page',
        error(
          { status: 429, code: 'rate_limit_exceeded' },
          'Rate limit reached for requests per min. Add a payment method at /account/billing',
        ),
        'rate_limit',
      ],
      ['429 about a quota per minute', error({ status: 429 }, 'Quota exceeded for requests per minute'), 'rate_limit'],
      ['429 plain', error({ status: 429 }, 'Too Many Requests'), 'rate_limit'],
      ['403 about credits', error({ status: 403 }, 'insufficient credits'), 'quota'],
      ['400 about credit', error({ status: 400 }, 'Your credit balance is too low'), 'quota'],
      ['400 context length code', error({ status: 400, code: 'context_length_exceeded' }), 'context_length'],
      ['400 context length words', error({ status: 400 }, 'prompt is too long: 210000 tokens'), 'context_length'],
      ['400 content filter', error({ status: 400, code: 'content_filter' }), 'content_policy'],
      ['500 overloaded', error({ status: 500 }, 'The engine is currently overloaded'), 'overloaded'],
    ])('%s', (_what, thrown, reason) => {
      expect(classifyError(thrown).reason).toBe(reason);
    });
  });

  describe('by code', () => {
    it.each<[string, FailureReason]>([
      ['ECONNRESET', 'network'],
      ['ECONNREFUSED', 'network'],
      ['ENOTFOUND', 'network'],
      ['EAI_AGAIN', 'network'],
      ['EPIPE', 'network'],
      ['ETIMEDOUT', 'timeout'],
      ['UND_ERR_SOCKET', 'network'],
      ['UND_ERR_ANYTHING_NEW', 'network'],
      ['UND_ERR_CONNECT_TIMEOUT', 'timeout'],
      ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
      ['UND_ERR_BODY_TIMEOUT', 'timeout'],
      ['UND_ERR_ABORTED', 'timeout'],
      ['ABORT_ERR', 'timeout'],
      ['ERR_CANCELED', 'timeout'],
      ['RESILIENCE_CLIENT_GONE', 'aborted'],
      ['EMFILE', 'resource'],
      ['ENOSPC', 'resource'],
      ['insufficient_quota', 'quota'],
      ['invalid_api_key', 'auth'],
      ['ERR_STREAM_PREMATURE_CLOSE', 'network'],
      ['RESILIENCE_LLM_INVALID_ANSWER', 'invalid_output'],
      ['RESILIENCE_LLM_ANSWER_TOO_LARGE', 'invalid_output'],
      ['RESILIENCE_LLM_REFUSED', 'content_policy'],
    ])('%s is %s', (code, reason) => {
      expect(classifyError(error({ code })).reason).toBe(reason);
      expect(classifyError(caused(error({ code }), 'fetch failed')).reason).toBe(reason);
    });

    it.each(['constructor', '__proto__', 'toString', 'EWHATEVER', 42, null])('%p says nothing', (code) => {
      expect(classifyError(error({ code })).reason).toBe('unknown');
    });
  });

  describe('pain 13: by the type of an error inside a stream that began with 200', () => {
    it.each<[string, string, FailureReason]>([
      ['overloaded_error', '', 'overloaded'],
      ['rate_limit_error', '', 'rate_limit'],
      ['insufficient_quota', '', 'quota'],
      ['api_error', '', 'server_error'],
      ['server_error', 'model not found in cache', 'server_error'],
      ['timeout_error', '', 'timeout'],
      ['authentication_error', '', 'auth'],
      ['billing_error', '', 'quota'],
      ['permission_error', '', 'permission'],
      ['not_found_error', '', 'not_found'],
      ['request_too_large', '', 'context_length'],
      ['payload_too_large', '', 'bad_request'],
      ['invalid_request_error', '', 'bad_request'],
      ['invalid_request_error', 'prompt is too long: 210000 tokens', 'context_length'],
    ])('%s %p is %s, bare, in a body, in a nested one and as a cause', (type, message, reason) => {
      const shapes = [
        { type, message },
        error({ error: { type, message } }),
        error({ error: { type: 'error', error: { type, message } } }),
        caused({ type, message }),
      ];

      expect(shapes.map((shape) => classifyError(shape).reason)).toEqual(shapes.map(() => reason));
    });

    it('believes a status and a code before a type', () => {
      expect(classifyError(error({ status: 401, type: 'server_error' })).reason).toBe('auth');
      expect(classifyError(error({ code: 'insufficient_quota', type: 'server_error' })).reason).toBe('quota');
    });

    it.each(['error', 'constructor', '__proto__', 'system', 42, null])('learns nothing from type %p', (type) => {
      expect(classifyError(error({ type })).reason).toBe('unknown');
    });
  });

  describe('by our own errors', () => {
    it('takes a timeout for transient and an open circuit for final, with its hint', () => {
      expect(classifyError(new TimeoutError('p', 'attempt', 10))).toMatchObject({ reason: 'timeout', retryable: true });
      expect(classifyError(new CircuitOpenError('c', 'open', 1234))).toMatchObject({
        reason: 'circuit_open',
        retryable: false,
        retryAfterMs: 1234,
      });
    });

    it('never retries options that cannot work', () => {
      expect(classifyError(new ResilienceOptionsError([]))).toMatchObject({ kind: 'permanent', retryable: false });
    });
  });

  describe('by the flags of an SDK', () => {
    it.each<[what: string, error: unknown, retryable: boolean]>([
      ['isRetryable, nothing else known', error({ isRetryable: true }), true],
      ['not isRetryable, nothing else known', error({ isRetryable: false }), false],
      ['isRetryable on the cause', caused(error({ isRetryable: false })), false],
      ['x-should-retry: false beats 500', error({ status: 500, headers: { 'x-should-retry': 'false' } }), false],
      ['x-should-retry: true beats 409', error({ status: 409, headers: { 'x-should-retry': 'true' } }), true],
      ['x-should-retry of other words', error({ status: 500, headers: { 'x-should-retry': 'maybe' } }), true],
      ['a flag that is no boolean', error({ status: 404, isRetryable: 'yes' }), false],
    ])('%s', (_what, thrown, retryable) => {
      expect(classifyError(thrown).retryable).toBe(retryable);
    });

    it('calls an error that is only known not to be retryable permanent', () => {
      expect(classifyError(error({ isRetryable: false }))).toMatchObject({ kind: 'permanent', reason: 'unknown' });
    });
  });

  describe('by name', () => {
    it.each<[string, FailureReason]>([
      ['AbortError', 'timeout'],
      ['TimeoutError', 'timeout'],
      ['AI_JSONParseError', 'invalid_output'],
      ['AI_LoadAPIKeyError', 'auth'],
      ['TypeError', 'unknown'],
    ])('%s is %s', (name, reason) => {
      expect(classifyError(error({ name })).reason).toBe(reason);
    });

    it('knows what the platform throws', () => {
      expect(classifyError(AbortSignal.abort().reason).reason).toBe('timeout');
      expect(classifyError(new DOMException('late', 'TimeoutError')).reason).toBe('timeout');
    });

    it.each<[string, unknown]>([
      ['a signal’s reason', AbortSignal.abort().reason],
      ['a code', error({ code: 'ERR_CANCELED' })],
      ['what only says so', new Error('Request was aborted.')],
      ['a wrapped abort', caused(AbortSignal.abort().reason, 'fetch failed')],
    ])('takes an abort for a deadline, unless the caller is known to have left: %s', (_what, thrown) => {
      expect(classifyError(thrown)).toMatchObject({ reason: 'timeout', retryable: true, countsAsFailure: true });
      expect(classifyError(thrown, 0, true)).toMatchObject({
        reason: 'aborted',
        retryable: false,
        countsAsFailure: false,
      });
    });

    it('a caller who left changes nothing about other failures', () => {
      expect(classifyError(error({ status: 503 }), 0, true)).toMatchObject({ reason: 'overloaded', retryable: true });
    });

    it('takes a sound status with an unreadable body for invalid output, whatever the client flags', () => {
      const thrown = Object.assign(caused(new SyntaxError('Unexpected token <')), { status: 200, isRetryable: false });

      expect(classifyError(thrown)).toMatchObject({ reason: 'invalid_output', retryable: true });
    });
  });

  describe('by words, when nothing else is known', () => {
    it.each<[string, FailureReason]>([
      ['Request timed out', 'timeout'],
      ['Request was aborted.', 'timeout'],
      ['Timeout of 5000ms exceeded', 'timeout'],
      ['4 DEADLINE_EXCEEDED: deadline exceeded', 'timeout'],
      ['Rate limit reached', 'rate_limit'],
      ['Too many requests', 'rate_limit'],
      ['You have run out of quota', 'quota'],
      ['Overloaded', 'overloaded'],
      ['socket hang up', 'network'],
      ['fetch failed', 'network'],
      ['Connection refused by peer', 'network'],
      ['terminated', 'network'],
      ['maximum context length is 8192', 'context_length'],
      ['Unterminated string in JSON at position 17', 'invalid_output'],
      ['Unexpected end of JSON input', 'invalid_output'],
      [`Unexpected token '<', "<html>" is not valid JSON`, 'invalid_output'],
      ['blocked by content filter', 'content_policy'],
      ['JavaScript heap out of memory', 'resource'],
      ['502 Bad Gateway', 'server_error'],
      ['Unauthorized', 'auth'],
      ['Invalid API key', 'auth'],
      ['access denied', 'permission'],
      ['User not found', 'not_found'],
      ['Invalid input: id', 'bad_request'],
      ['no idea', 'unknown'],
      ['', 'unknown'],
    ])('%p is %s, as an error, a thrown string and a cause', (message, reason) => {
      const cases = [new Error(message), message, caused(new Error(message))];

      expect(cases.map((thrown) => classifyError(thrown).reason)).toEqual([reason, reason, reason]);
    });

    it('believes the structure, not a word in the message', () => {
      expect(classifyError(error({ status: 503 }, 'model not found in cache')).reason).toBe('overloaded');
      expect(classifyError(error({ code: 'ECONNRESET' }, 'invalid input stream')).reason).toBe('network');
      expect(classifyError(new Error('user not found: request timed out')).reason).toBe('timeout');
    });

    it('finds a structure deep in the causes before any word of the surface', () => {
      const thrown = caused(caused(error({ status: 401 })), 'request timed out');

      expect(classifyError(thrown).reason).toBe('auth');
    });
  });

  describe('survives anything that can be thrown', () => {
    const throwingGetter = (...names: string[]): object =>
      Object.defineProperties(
        {},
        Object.fromEntries(
          names.map((name) => [
            name,
            {
              enumerable: true,
              get() {
                throw new Error(`hostile ${name}`);
              },
            },
          ]),
        ),
      );
    const ALL = [
      ...['status', 'statusCode', 'response', 'getStatus', 'code', 'name', 'message', 'cause', 'headers'],
      ...['responseHeaders', 'isRetryable', 'retryAfterMs', 'error', 'data', 'body', 'type', 'responseBody'],
    ];
    const refuseAll = (): never => {
      throw new Error('hostile trap');
    };
    const cyclic = new Error('a');
    cyclic.cause = new Error('b', { cause: cyclic });
    const own: { cause?: unknown } = {};
    own.cause = own;
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const endless = { get cause() { return endless.make(); }, make: () => Object.create(endless) as unknown }; // prettier-ignore

    it.each<[string, unknown]>([
      ['undefined', undefined],
      ['null', null],
      ['a number', 42],
      ['a bigint', 10n],
      ['a symbol', Symbol('s')],
      ['NaN', NaN],
      ['a function', () => 1],
      ['an empty object', {}],
      ['an object without prototype', Object.create(null)],
      ['throwing getters everywhere', throwingGetter(...ALL)],
      ['a cause that throws', caused(throwingGetter(...ALL))],
      ['headers whose getters throw', error({ headers: throwingGetter('retry-after') })],
      ['headers whose forEach throws', error({ headers: { forEach: refuseAll } })],
      ['headers with a throwing forEach getter', error({ headers: throwingGetter('forEach') })],
      ['headers that refuse to be listed', error({ headers: new Proxy({}, { ownKeys: refuseAll }) })],
      ['headers that were revoked', error({ headers: revoked.proxy })],
      ['header values that cannot be text', error({ headers: { 'retry-after': [Object.create(null)] } })],
      ['a header value list that was revoked', error({ headers: { 'retry-after': revoked.proxy } })],
      ['a revoked proxy', revoked.proxy],
      ['a proxy that refuses everything', new Proxy({}, { get: refuseAll, has: refuseAll, getPrototypeOf: refuseAll })],
      ['a getStatus that throws', error({ getStatus: refuseAll })],
      ['a getStatus that answers nonsense', error({ getStatus: () => 'teapot' })],
      ['cyclic causes', cyclic],
      ['its own cause', own],
      ['causes without end', endless],
    ])('%s', (_what, thrown) => {
      expect(classifyError(thrown)).toMatchObject({ reason: 'unknown', kind: 'unknown', retryable: true });
    });

    it('reads at most eight causes', () => {
      const nest = (depth: number): Error => (depth === 0 ? error({ status: 401 }) : caused(nest(depth - 1)));

      expect(classifyError(nest(7)).reason).toBe('auth');
      expect(classifyError(nest(8)).reason).toBe('unknown');
    });

    it('reads a very long message quickly', () => {
      const thrown = new Error(`${'too many '.repeat(200_000)}requests`);

      expect(classifyError(thrown).reason).toBe('unknown');
    });
  });
});

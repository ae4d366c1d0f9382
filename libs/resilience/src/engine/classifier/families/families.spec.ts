import { describe, expect, it } from '@jest/globals';

import type { FailureReason, Meaning } from '../classification.js';
import { classifyError } from '../classify-error.js';
import { FAMILIES } from './index.js';

type Verdict = 'retried' | 'stays broken' | 'caller’s fault';

const error = (fields: object, message = ''): Error => Object.assign(new Error(message), fields);
const named = (name: string, fields: object = {}, message = ''): Error => error({ name, ...fields }, message);

/** As the package redis-errors makes it for ioredis. */
class ReplyError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** What a client throws for a key of its family's table. */
const SHAPES: Readonly<Record<string, (key: string) => unknown>> = {
  'nest-resilience': (code) => error({ code }),
  gRPC: (key) => error({ code: Number(key), details: 'said the service', metadata: { internalRepr: new Map() } }),
  'AWS SDK': (key) =>
    key.startsWith('$retryable')
      ? named('New', { $metadata: {}, $retryable: { throttling: key.endsWith('throttling') } })
      : named(key, { $metadata: { httpStatusCode: 418 }, $fault: 'client' }),
  SQLSTATE: (key) => named('error', { code: key.padEnd(5, '9'), severity: 'ERROR', routine: 'r' }),
  'MySQL and MariaDB': (key) =>
    /^\d+$/.test(key) ? error({ errno: Number(key), sqlState: 'HY000', code: 'ER_NEW' }) : error({ code: key }),
  SQLite: (code) => named('SqliteError', { code: `${code}_OF_SOME_KIND` }),
  'SQL Server': (key) =>
    /^-?\d+$/.test(key)
      ? named('RequestError', { code: 'EREQUEST', number: Number(key), class: 14, state: 1, serverName: 's' })
      : named('ConnectionError', { code: key }),
  Oracle: (code) => error({ code, errorNum: Number(code.slice(4)) }),
  Prisma: (key) =>
    key.startsWith('P2') || /^P\d/.test(key)
      ? named('PrismaClientKnownRequestError', { code: key.padEnd(5, '9'), clientVersion: '6.1.0' })
      : named(key, { clientVersion: '6.1.0' }),
  MongoDB: (key) =>
    /^\d+$/.test(key)
      ? named('MongoServerError', { code: Number(key) })
      : key.startsWith('Mongo')
        ? named(key)
        : named('MongoServerError', { errorLabelSet: new Set([key]) }),
  Kafka: (key) => {
    if (key.startsWith('retriable:'))
      return named('KafkaJSProtocolError', { retriable: key.endsWith('true'), type: 'NEW' });
    return key.startsWith('KafkaJS') ? named(key, { retriable: false }) : named('KafkaJSProtocolError', { type: key });
  },
  AMQP: (key) => (/^\d+$/.test(key) ? error({ code: Number(key), classId: 60, methodId: 40 }) : named(key)),
  SMTP: (key) => (key === 'EAUTH' ? error({ code: key }) : error({ responseCode: Number(key.replace('yz', '99')) })),
  'Codes of web APIs': (code) => error({ status: 418, error: { code, message: '' } }),
  'HTTP status': (key) => error({ status: Number(key.replace('xx', '99')) }),
  TLS: (code) => Object.assign(new TypeError('fetch failed'), { cause: error({ code }) }),
  'HTTP clients': (key) => {
    if (key === 'timed-out') return named('AxiosError', { code: 'ECONNABORTED' });
    if (key.endsWith('*')) return error({ code: key.replace('*', 'NEW') });
    return /^[A-Z]/.test(key) ? error({ code: key }) : named('FetchError', { type: key });
  },
  'Node.js': (code) => error({ code, syscall: 'connect' }),
  'Types that stand for a status': (type) => ({ type: 'error', error: { type, message: '' } }),
  'AI SDK': (name) => named(name),
  Redis: (key) =>
    /Error$/.test(key)
      ? named(key)
      : new ReplyError(key === 'MAXCLIENTS' ? 'ERR max number of clients reached' : `${key} said Redis`),
  NATS: (key) => (/Error$/.test(key) ? named(key) : named('NatsError', { code: key })),
  'Other mappers': (name) => named(name),
  Names: (name) => named(name),
};

/** A status without words means what it means alone; an abort of nobody is a timeout. */
const plain = (meaning: Meaning): string => {
  if (meaning === 'abort') return 'timeout';
  return typeof meaning === 'number' ? classifyError({ status: meaning }).reason : meaning;
};

describe('the tables', () => {
  it('are all tried below', () => {
    expect(Object.keys(SHAPES).sort()).toEqual(FAMILIES.map(({ name }) => name).sort());
  });

  it.each(FAMILIES)(
    '$name: every row is found by the shape of its client, and shadowed by no other table',
    (family) => {
      const shape = SHAPES[family.name] ?? (() => undefined);

      const found = [...family.rows.keys()].map((key) => `${key}: ${classifyError(shape(key)).reason}`);

      expect(found).toEqual([...family.rows].map(([key, meaning]) => `${key}: ${plain(meaning)}`));
    },
  );

  it.each(FAMILIES)('$name: says where it comes from', ({ shape, sources }) => {
    expect(shape).not.toBe('');
    expect(sources.length).toBeGreaterThan(0);
  });
});

/** Written from the vendors' documents, not from the tables. */
describe('what it comes to', () => {
  const pg = (code: string) => named('error', { code, severity: 'ERROR', routine: 'r' });
  const mysql = (code: string, errno: number, sqlState: string) => error({ code, errno, sqlState, sqlMessage: 'm' });
  const grpc = (code: number, details = '') => error({ code, details, metadata: {} }, `${code} X: ${details}`);
  const aws = (name: string, httpStatusCode: number) =>
    named(name, { $fault: 'client', $metadata: { httpStatusCode } });
  const prisma = (code: string) => named('PrismaClientKnownRequestError', { code, clientVersion: '6.1.0' });
  const mongo = (code: number, labels: string[] = []) => named('MongoServerError', { code, errorLabels: labels });
  const refused = (code: string) => new TypeError('fetch failed', { cause: error({ code }) });
  const body = (status: number, part: object) => error({ status, error: part });

  const rows: [what: string, error: unknown, Verdict, FailureReason?][] = [
    ['pg, duplicate key', pg('23505'), 'caller’s fault', 'bad_request'],
    ['pg, a constraint that nobody listed', pg('23999'), 'caller’s fault'],
    ['pg, syntax', pg('42601'), 'caller’s fault'],
    ['pg, no such value', pg('22P02'), 'caller’s fault'],
    ['pg, raised by a function', pg('P0001'), 'caller’s fault'],
    ['pg, serialization failure', pg('40001'), 'retried'],
    ['pg, deadlock', pg('40P01'), 'retried'],
    ['pg, shutdown', pg('57P01'), 'retried', 'network'],
    ['pg, too many connections', pg('53300'), 'retried', 'overloaded'],
    ['pg, statement timeout', pg('57014'), 'retried', 'timeout'],
    ['pg, wrong password', pg('28P01'), 'stays broken', 'auth'],
    ['pg, no right', pg('42501'), 'stays broken', 'permission'],
    ['PostgREST', { code: '23505', details: null, hint: null, message: 'duplicate key' }, 'caller’s fault'],
    ['mysql, duplicate', mysql('ER_DUP_ENTRY', 1062, '23000'), 'caller’s fault'],
    ['mysql, by its class', mysql('ER_BRAND_NEW', 9999, '23000'), 'caller’s fault'],
    ['mysql, deadlock', mysql('ER_LOCK_DEADLOCK', 1213, '40001'), 'retried'],
    ['mysql, lock wait', mysql('ER_LOCK_WAIT_TIMEOUT', 1205, 'HY000'), 'retried', 'timeout'],
    ['mysql, connections', mysql('ER_CON_COUNT_ERROR', 1040, '08004'), 'retried', 'overloaded'],
    ['mysql, lost', error({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }), 'retried', 'network'],
    ['mysql, password', mysql('ER_ACCESS_DENIED_ERROR', 1045, '28000'), 'stays broken', 'auth'],
    ['better-sqlite3', named('SqliteError', { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }), 'caller’s fault'],
    ['node:sqlite', error({ code: 'ERR_SQLITE_ERROR', errcode: 2067 }), 'caller’s fault'],
    ['node:sqlite, locked', error({ code: 'ERR_SQLITE_ERROR', errcode: 5 }), 'retried', 'overloaded'],
    ['sqlite, locked', named('SqliteError', { code: 'SQLITE_BUSY_SNAPSHOT' }), 'retried', 'overloaded'],
    ['mssql, duplicate', named('RequestError', { code: 'EREQUEST', number: 2627, serverName: 's' }), 'caller’s fault'],
    ['mssql, deadlock', named('RequestError', { code: 'EREQUEST', number: 1205, serverName: 's' }), 'retried'],
    ['oracle, duplicate', error({ code: 'ORA-00001', errorNum: 1 }), 'caller’s fault'],
    ['prisma, unique', prisma('P2002'), 'caller’s fault'],
    ['prisma, deadlock', prisma('P2034'), 'retried'],
    ['prisma, pool', prisma('P2024'), 'retried', 'overloaded'],
    [
      'prisma, unreachable',
      named('PrismaClientInitializationError', { errorCode: 'P1001', clientVersion: '6' }),
      'retried',
      'network',
    ],
    [
      'prisma, raw query',
      error({ ...prisma('P2010'), code: 'P2010', clientVersion: '6', meta: { code: '40001' } }),
      'retried',
    ],
    [
      'prisma, raw query, duplicate',
      error({ code: 'P2010', clientVersion: '6', meta: { code: '23505' } }),
      'caller’s fault',
    ],
    [
      'prisma, adapter',
      error({
        code: 'P2010',
        clientVersion: '7',
        meta: { driverAdapterError: { cause: { originalCode: '23505', kind: 'UniqueConstraintViolation' } } },
      }),
      'caller’s fault',
    ],
    ['mongo, duplicate', mongo(11000), 'caller’s fault'],
    ['mongo, write conflict', mongo(112, ['TransientTransactionError']), 'retried'],
    ['mongo, a label alone', named('MongoError', { errorLabels: ['RetryableWriteError'] }), 'retried'],
    ['mongo, by codeName', error({ code: 11000, codeName: 'DuplicateKey' }), 'caller’s fault'],
    ['redis, loading', new ReplyError('LOADING Redis is loading the dataset in memory'), 'retried', 'overloaded'],
    ['redis, wrong type', new ReplyError('WRONGTYPE Operation against a key'), 'caller’s fault'],
    ['redis, failover', new ReplyError("READONLY You can't write against a read only replica."), 'retried'],
    ['redis, password', new ReplyError('NOAUTH Authentication required.'), 'stays broken', 'auth'],
    ['grpc, invalid', grpc(3), 'caller’s fault', 'bad_request'],
    ['grpc, unimplemented', grpc(12), 'caller’s fault'],
    ['grpc, cancelled', grpc(1), 'caller’s fault', 'aborted'],
    ['grpc, aborted transaction', grpc(10), 'retried'],
    ['grpc, quota that passes', grpc(8), 'retried', 'rate_limit'],
    ['grpc, message too large', grpc(8, 'Received message larger than max (5 vs. 4)'), 'caller’s fault'],
    [
      'grpc, certificate',
      grpc(14, 'No connection established. Last error: certificate has expired'),
      'stays broken',
      'auth',
    ],
    ['nice-grpc', named('ClientError', { code: 5, path: '/a/b', details: 'none' }), 'caller’s fault', 'not_found'],
    [
      'connect',
      named('ConnectError', { code: 14, rawMessage: 'gone', metadata: new Headers(), details: [] }),
      'retried',
      'overloaded',
    ],
    ['connect, over the wire', { code: 'invalid_argument', message: 'no' }, 'caller’s fault'],
    ['aws, throttled', aws('ThrottlingException', 400), 'retried', 'rate_limit'],
    ['aws, condition', aws('ConditionalCheckFailedException', 400), 'caller’s fault'],
    ['aws, status alone', aws('SomethingNew', 503), 'retried', 'overloaded'],
    ['aws, keys', aws('UnrecognizedClientException', 400), 'stays broken', 'auth'],
    [
      'aws, transaction that met another',
      error({
        name: 'TransactionCanceledException',
        $fault: 'client',
        CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }],
      }),
      'retried',
    ],
    [
      'aws, transaction whose condition failed',
      error({
        name: 'TransactionCanceledException',
        $fault: 'client',
        CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'ConditionalCheckFailed' }],
      }),
      'caller’s fault',
    ],
    [
      'bedrock, too long',
      error({ name: 'ValidationException', $fault: 'client' }, 'Input is too long for requested model.'),
      'caller’s fault',
      'context_length',
    ],
    ['tls, expired', refused('CERT_HAS_EXPIRED'), 'stays broken', 'auth'],
    ['tls, wrong name', error({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'stays broken', 'auth'],
    ['undici, bad argument', refused('UND_ERR_INVALID_ARG'), 'caller’s fault'],
    ['axios, timeout', named('AxiosError', { code: 'ECONNABORTED' }, 'timeout of 5 ms exceeded'), 'retried', 'timeout'],
    [
      'axios, 429',
      named('AxiosError', { code: 'ERR_BAD_REQUEST', response: { status: 429 } }),
      'retried',
      'rate_limit',
    ],
    ['axios, cancelled by nobody', named('CanceledError', { code: 'ERR_CANCELED' }), 'retried', 'timeout'],
    [
      'got, 503',
      named('HTTPError', { code: 'ERR_NON_2XX_3XX_RESPONSE', response: { statusCode: 503 } }),
      'retried',
      'overloaded',
    ],
    ['ky, 404', named('HTTPError', { response: new Response(null, { status: 404 }) }), 'caller’s fault', 'not_found'],
    ['node-fetch, timeout', named('FetchError', { type: 'request-timeout' }), 'retried', 'timeout'],
    ['superagent, timeout', error({ code: 'ECONNABORTED', errno: 'ETIME', timeout: 5 }), 'retried', 'timeout'],
    ['superagent, 422', error({ status: 422, response: { text: '{}' } }), 'caller’s fault'],
    ['kafka, retriable', named('KafkaJSProtocolError', { retriable: true, type: 'LEADER_NOT_AVAILABLE' }), 'retried'],
    [
      'kafka, too large',
      named('KafkaJSProtocolError', { retriable: false, type: 'MESSAGE_TOO_LARGE' }),
      'caller’s fault',
    ],
    ['amqp, no queue', error({ code: 404, classId: 50, methodId: 10 }), 'caller’s fault', 'not_found'],
    ['smtp, greylisted', error({ code: 'EENVELOPE', responseCode: 451 }), 'retried'],
    ['smtp, no such user', error({ code: 'EENVELOPE', responseCode: 550 }), 'caller’s fault'],
    ['a googleapis error', error({ code: '404', response: { status: 404 } }), 'caller’s fault', 'not_found'],
    ['a status in code', error({ code: 503 }), 'retried', 'overloaded'],
    [
      'Gemini, bad key',
      body(400, { status: 'INVALID_ARGUMENT', message: 'API key not valid.' }),
      'stays broken',
      'auth',
    ],
    [
      'Gemini, region',
      body(400, { status: 'FAILED_PRECONDITION', message: 'User location is not supported for the API use.' }),
      'stays broken',
      'permission',
    ],
    [
      'Groq, own bad JSON',
      body(400, { type: 'invalid_request_error', code: 'json_validate_failed' }),
      'retried',
      'invalid_output',
    ],
    [
      'Groq, gone',
      body(400, { type: 'invalid_request_error', code: 'model_decommissioned' }),
      'caller’s fault',
      'not_found',
    ],
    ['Groq, flex', body(498, { code: 'capacity_exceeded' }), 'retried', 'overloaded'],
    ['Mistral, model', body(400, { type: 'invalid_model', code: '1500' }), 'caller’s fault', 'not_found'],
    ['Azure, deployment', body(404, { code: 'DeploymentNotFound' }), 'caller’s fault', 'not_found'],
    [
      'Anthropic, spent',
      body(400, {
        type: 'invalid_request_error',
        message: 'You have reached your specified API usage limits. You will regain access on 2026-02-01',
      }),
      'stays broken',
      'quota',
    ],
    [
      'OpenRouter, inside a 200',
      error(
        { statusCode: 200, isRetryable: false, responseBody: '{"error":{"code":429,"message":"slow"}}' },
        'Invalid JSON response',
      ),
      'retried',
      'rate_limit',
    ],
    [
      'OpenRouter, a bad key inside a 200',
      error({ statusCode: 200, responseBody: '{"error":{"code":401,"message":"No auth"}}' }),
      'stays broken',
      'auth',
    ],
    ['a GraphQL answer', error({ extensions: { code: 'UNAUTHENTICATED' } }), 'stays broken', 'auth'],
  ];

  it.each(rows.map(([what, thrown, verdict, reason]) => ({ what, thrown, verdict, reason })))(
    '$what: $verdict',
    ({ thrown, verdict, reason }) => {
      const { retryable, countsAsFailure, reason: found } = classifyError(thrown);

      const outcome = retryable ? 'retried' : countsAsFailure ? 'stays broken' : 'caller’s fault';
      expect([found, outcome]).toEqual([reason ?? found, verdict]);
    },
  );
});

describe('numbers and texts that look like codes of others', () => {
  it.each<[what: string, error: unknown]>([
    ['5 without the shape of gRPC', error({ code: 5 })],
    ['5 with words of the caller', error({ code: 5, details: 'five' })],
    ['1062 without that of MySQL', error({ code: 1062 })],
    ['1062 as an errno of the system', error({ errno: 1062 })],
    ['11000 without that of MongoDB', error({ code: 11000 })],
    ['2627 without that of SQL Server', error({ number: 2627 })],
    ['P2002 without that of Prisma', error({ code: 'P2002' })],
    ['P1001 without that of Prisma', error({ code: 'P1001' })],
    ['five letters', error({ code: 'EBUSY' })],
    ['five letters and digits', error({ code: 'E2BIG' })],
    ['a class of SQLSTATE alone', error({ code: '23999' })],
    ['a name of AWS alone', error({ name: 'SlowDown' })],
    ['a word of Redis alone', error({}, 'MOVED to another office')],
    ['a certificate in words', error({}, 'the certificate of merit')],
    ['a code of ours that does not exist', error({ code: 'RESILIENCE_NEW' })],
    ['a number that is no status', error({ code: 1001 })],
    ['a code of MongoDB that is no status', error({ name: 'MongoServerError', code: 404, codeName: 'New' })],
  ])('%s: unknown', (_what, thrown) => {
    expect(classifyError(thrown).reason).toBe('unknown');
  });

  it('takes EPIPE for what it is', () => {
    expect(classifyError(error({ code: 'EPIPE' })).reason).toBe('network');
  });
});

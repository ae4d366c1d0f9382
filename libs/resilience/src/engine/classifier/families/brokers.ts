import { read } from '../fields.js';
import { family } from './family.js';

export const KAFKA = family({
  name: 'Kafka',
  shape: 'a `name` that begins with `KafkaJS`: the `type` of the protocol, the name, then the flag `retriable`',
  sources: ['https://kafka.js.org/docs/retry-detailed', 'https://kafka.apache.org/protocol#protocol_error_codes'],
  keysOf: (link) => {
    if (link.name?.startsWith('KafkaJS') !== true) return undefined;
    const retriable = read(link.fields, 'retriable');
    // Retries that ran out are flagged as final, whatever they were for: `cause` knows.
    if (link.name === 'KafkaJSNumberOfRetriesExceeded' && link.has('cause')) return undefined;
    return [link.text('type'), link.name, typeof retriable === 'boolean' ? `retriable:${retriable}` : undefined];
  },
  rows: {
    network:
      'KafkaJSConnectionError KafkaJSConnectionClosedError KafkaJSNumberOfRetriesExceeded BROKER_NOT_AVAILABLE NETWORK_EXCEPTION',
    timeout: 'KafkaJSRequestTimeoutError REQUEST_TIMED_OUT',
    rate_limit: 'THROTTLING_QUOTA_EXCEEDED',
    server_error: 'retriable:true',
    auth: 'KafkaJSSASLAuthenticationError SASL_AUTHENTICATION_FAILED ILLEGAL_SASL_STATE UNSUPPORTED_SASL_MECHANISM',
    permission:
      'TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    bad_request: 'retriable:false',
  },
});

export const AMQP = family({
  name: 'AMQP',
  shape: 'a numeric `code` beside `classId` and `methodId` (amqplib); the name `IllegalOperationError`',
  sources: [
    'https://www.rabbitmq.com/amqp-0-9-1-reference#constants',
    'https://amqp-node.github.io/amqplib/channel_api.html',
  ],
  keysOf: (link) => {
    if (link.name === 'IllegalOperationError') return [link.name];
    return link.has('classId') && link.has('methodId') ? [String(link.code)] : undefined;
  },
  rows: {
    network: '320 IllegalOperationError',
    overloaded: '506',
    server_error: '541',
    auth: '530',
    permission: '403',
    not_found: '404 312',
    bad_request: '311 313 402 405 406 501 502 503 504 505 540',
  },
});

export const NATS = family({
  name: 'NATS',
  shape: 'the `code` of a `NatsError`; the name of an error of `@nats-io`',
  sources: ['https://github.com/nats-io/nats.js/blob/main/core/src/errors.ts'],
  keysOf: ({ name, code }) => (name === 'NatsError' && typeof code === 'string' ? [code] : [name]),
  rows: {
    network: `NoRespondersError ConnectionError ClosedConnectionError DrainingConnectionError CONNECTION_CLOSED CONNECTION_REFUSED
      CONNECTION_DRAINING CONNECTION_TIMEOUT DISCONNECT`,
    timeout: 'TIMEOUT',
    auth: 'AuthorizationError UserAuthenticationExpiredError AUTHORIZATION_VIOLATION AUTHENTICATION_EXPIRED BAD_AUTHENTICATION',
    permission: 'PermissionViolationError PERMISSIONS_VIOLATION',
    bad_request: 'InvalidSubjectError InvalidArgumentError MAX_PAYLOAD_EXCEEDED BAD_SUBJECT BAD_PAYLOAD',
  },
});

export const SMTP = family({
  name: 'SMTP',
  shape: 'a numeric `responseCode` (nodemailer), by its first digit; `EAUTH`',
  sources: ['https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1', 'https://nodemailer.com/errors'],
  keysOf: (link) => {
    if (link.code === 'EAUTH') return ['EAUTH'];
    const response = link.number('responseCode');
    return response === undefined ? undefined : [String(response), `${String(response)[0]}yz`];
  },
  rows: { auth: 'EAUTH 530 535', overloaded: '421 452', server_error: '4yz', bad_request: '5yz' },
});

import { describe, expect, it } from '@jest/globals';
import { mayPass, mayPassAtStart } from './may-pass.js';

const error = (fields: object) => Object.assign(new Error('no'), fields);

describe('what a store answers', () => {
  it.each([
    ...['53100', '53200', '53300', '57014', '57P01', '57P02', '57P03', '57P05', '25006', '40001', '40P01', '55P03'],
    ...['08006', 'ER_DISK_FULL', 'ER_LOCK_WAIT_TIMEOUT', 'ER_LOCK_DEADLOCK', 'ER_OPTION_PREVENTS_STATEMENT'],
    // A disk, a table space or an undo log without room; a server that is being stopped, cut off or not yet part of its cluster.
    ...['ER_RECORD_FILE_FULL', 'ER_DISK_FULL_NOWAIT', 'ER_INNODB_UNDO_LOG_FULL', 'ER_ERROR_ON_WRITE', 'ER_GET_ERRNO'],
    ...['ER_NORMAL_SHUTDOWN', 'ER_QUERY_INTERRUPTED', 'ER_SERVER_OFFLINE_MODE', 'ER_UNKNOWN_COM_ERROR'],
    ...['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS', 'ER_STATEMENT_TIMEOUT', 'ER_QUERY_TIMEOUT'],
    ...[
      'PROTOCOL_CONNECTION_LOST',
      'PROTOCOL_SEQUENCE_TIMEOUT',
      'ECONNREFUSED',
      'ECONNRESET',
      'ETIMEDOUT',
      'EAI_AGAIN',
    ],
  ])('passes by itself: %s', (code) => {
    expect(mayPass(error({ code }))).toBe(true);
    expect(mayPass(new Error('wrapped', { cause: error({ code }) }))).toBe(true);
    expect(mayPassAtStart(error({ code }))).toBe(true);
  });

  it('passes by its number, where the driver has no name for it', () => {
    // A connection of MariaDB that an administrator ended.
    expect(mayPass(error({ errno: 1927, sqlState: '70100', sqlMessage: 'Connection was killed' }))).toBe(true);
  });

  it.each([
    '22001',
    '23514',
    'ER_DATA_TOO_LONG',
    'ER_NET_PACKET_TOO_LARGE',
    '28P01',
    '3D000',
    'ER_ACCESS_DENIED_ERROR',
  ])('stays as it is: %s', (code) => {
    expect(mayPass(error({ code }))).toBe(false);
    expect(mayPassAtStart(error({ code }))).toBe(false);
  });

  it.each([
    'timeout exceeded when trying to connect',
    'Query read timeout',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
  ])('passes by its words, where a driver has no code: %s', (message) => {
    expect(mayPass(new Error(message))).toBe(true);
  });

  it('is looked at to its end, also where a cause leads back to it', () => {
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    refused.cause = new Error('wrapped', { cause: refused });

    expect(mayPassAtStart(refused)).toBe(true);
  });

  it.each(['ENOTFOUND', 'SQLITE_CANTOPEN', 'SQLITE_FULL'])(
    'may pass while an application runs, but is a wrong setting when it starts: %s',
    (code) => {
      expect(mayPass(error({ code }))).toBe(true);
      expect(mayPassAtStart(new Error('wrapped', { cause: error({ code }) }))).toBe(false);
    },
  );
});

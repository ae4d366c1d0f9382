import type { Link } from '../link.js';
import { family } from './family.js';

/** `23505`, `40P01`: five letters and digits, at least one digit. `EPIPE` is none. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;

export const SQLSTATES = family({
  name: 'SQLSTATE',
  shape:
    'a `code` or `sqlState` of five letters and digits; its class (two characters) only beside `severity`, `routine`, `hint` or `sqlMessage` (pg, postgres.js, Neon, PGlite, PostgREST, mysql2)',
  sources: [
    'https://www.postgresql.org/docs/current/errcodes-appendix.html',
    'https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html',
  ],
  keysOf: (link) => {
    const state = link.text('sqlState') ?? link.text('sqlstate') ?? link.text('originalCode') ?? link.code;
    if (typeof state !== 'string' || !SQLSTATE.test(state)) return undefined;
    return isSql(link) ? [state, state.slice(0, 2)] : [state];
  },
  rows: {
    network: '08 08000 08001 08003 08004 08006 08007 57P01 57P02 57P03',
    overloaded: '53 53000 53100 53200 53300 53400 55P03 57P05',
    server_error: '40 40000 40001 40002 40003 40P01 25006 58 58000 58030 XX XX000',
    timeout: '57014 25P03 25P04',
    auth: '28 28000 28P01 0P000',
    permission: '42501',
    not_found: '02 02000 3D 3D000 3F000 42704 42P01',
    bad_request: `21 22 22001 22003 22007 22008 22012 22023 22P02 22P05 23 23000 23001 23502 23503 23505 23514 23P01 25 25P02
      42 42000 42601 42702 42703 42710 42725 42804 42883 42P02 42P07 44 44000 55 55000 55006 0A 0A000 P0 P0001 54 54000`,
  },
});

function isSql(link: Link): boolean {
  return (
    ['severity', 'routine', 'hint', 'sqlMessage', 'sqlState', 'sqlstate'].some((name) => link.has(name)) ||
    link.name === 'PostgresError'
  );
}

export const MYSQL = family({
  name: 'MySQL and MariaDB',
  shape:
    'a `code` that begins with `ER_`, `WARN_`, `PROTOCOL_` or `POOL_`; an `errno` only beside `sqlState` or `sqlMessage`',
  sources: [
    'https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html',
    'https://sidorares.github.io/node-mysql2/docs',
  ],
  keysOf: (link) => {
    const { code } = link;
    const named = typeof code === 'string' && /^(?:ER_|WARN_|PROTOCOL_|POOL_)/.test(code) ? code : undefined;
    const numbered = link.has('sqlState') || link.has('sqlMessage') ? link.number('errno') : undefined;
    return named === undefined && numbered === undefined ? undefined : [named, String(numbered)];
  },
  rows: {
    network: `PROTOCOL_CONNECTION_LOST PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR PROTOCOL_ENQUEUE_AFTER_QUIT ER_SERVER_SHUTDOWN 1053
      ER_NORMAL_SHUTDOWN 1077 ER_FORCING_CLOSE 1080 ER_ABORTING_CONNECTION 1152 ER_NEW_ABORTING_CONNECTION 1184 1927
      ER_SESSION_WAS_KILLED 3169 ER_CLIENT_INTERACTION_TIMEOUT ER_SERVER_OFFLINE_MODE 3032 ER_SERVER_ISNT_AVAILABLE 3168
      ER_UNKNOWN_COM_ERROR 1047 ER_NET_READ_ERROR 1158 ER_NET_WRITE_ERROR 1160 2002 2003 2006 2013 ER_SOCKET_UNEXPECTED_CLOSE 45009`,
    timeout: `PROTOCOL_SEQUENCE_TIMEOUT ER_LOCK_WAIT_TIMEOUT 1205 ER_QUERY_TIMEOUT 3024 ER_STATEMENT_TIMEOUT 1969
      ER_QUERY_INTERRUPTED 1317 ER_NET_READ_INTERRUPTED 1159 ER_NET_WRITE_INTERRUPTED 1161 ER_GET_CONNECTION_TIMEOUT 45028`,
    overloaded: `ER_CON_COUNT_ERROR 1040 ER_TOO_MANY_USER_CONNECTIONS 1203 ER_USER_LIMIT_REACHED 1226 ER_OUT_OF_RESOURCES 1041
      ER_OUTOFMEMORY 1037 ER_CANT_CREATE_THREAD 1135 ER_DISK_FULL 1021 ER_DISK_FULL_NOWAIT 3675 ER_RECORD_FILE_FULL 1114
      ER_TEMP_FILE_WRITE_FAILURE 1878 ER_INNODB_UNDO_LOG_FULL 3019 ER_TOO_MANY_CONCURRENT_TRXS 1637 ER_LOCK_NOWAIT 3572
      POOL_ENQUEUELIMIT`,
    server_error: `ER_LOCK_DEADLOCK 1213 ER_XA_RBDEADLOCK 1614 ER_CHECKREAD 1020 ER_OPTION_PREVENTS_STATEMENT 1290
      ER_READ_ONLY_MODE 1836 ER_LOCK_TABLE_FULL 1206 ER_LOCK_ABORTED 1689 ER_TRANSACTION_ROLLBACK_DURING_COMMIT 3101
      ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION 1792 ER_CANT_CREATE_FILE 1004 ER_CANT_OPEN_FILE 1016 ER_ERROR_ON_CLOSE 1023
      ER_ERROR_ON_READ 1024 ER_ERROR_ON_WRITE 1026 ER_GET_ERRNO 1030`,
    auth: 'ER_ACCESS_DENIED_ERROR 1045 ER_NOT_SUPPORTED_AUTH_MODE 1251 ER_MUST_CHANGE_PASSWORD 1820',
    permission: `ER_DBACCESS_DENIED_ERROR 1044 ER_TABLEACCESS_DENIED_ERROR 1142 ER_COLUMNACCESS_DENIED_ERROR 1143
      ER_SPECIFIC_ACCESS_DENIED_ERROR 1227 ER_HOST_NOT_PRIVILEGED 1130`,
    not_found: 'ER_BAD_DB_ERROR 1049 ER_NO_SUCH_TABLE 1146',
    bad_request: `ER_DUP_ENTRY 1062 ER_DUP_KEY 1022 ER_DUP_ENTRY_WITH_KEY_NAME 1586 ER_NO_REFERENCED_ROW 1216 ER_ROW_IS_REFERENCED
      1217 ER_ROW_IS_REFERENCED_2 1451 ER_NO_REFERENCED_ROW_2 1452 ER_BAD_NULL_ERROR 1048 ER_NO_DEFAULT_FOR_FIELD 1364
      ER_CHECK_CONSTRAINT_VIOLATED 3819 ER_CONSTRAINT_FAILED 4025 ER_PARSE_ERROR 1064 ER_BAD_FIELD_ERROR 1054 ER_DATA_TOO_LONG 1406
      ER_WARN_DATA_OUT_OF_RANGE 1264 ER_DATA_OUT_OF_RANGE 1690 ER_TRUNCATED_WRONG_VALUE 1292 ER_TRUNCATED_WRONG_VALUE_FOR_FIELD 1366
      WARN_DATA_TRUNCATED 1265 ER_WRONG_VALUE_COUNT_ON_ROW 1136 ER_INVALID_JSON_TEXT 3140 ER_SIGNAL_EXCEPTION 1644 ER_TABLE_EXISTS_ERROR 1050
      ER_NON_UNIQ_ERROR 1052 ER_NET_PACKET_TOO_LARGE 1153 ER_DIVISION_BY_ZERO 1365`,
  },
});

/** Names of the primary codes that `node:sqlite` reports as numbers (the low byte of `errcode`). */
const SQLITE_NAMES: Readonly<Record<number, string>> = {
  ...{
    1: 'ERROR',
    3: 'PERM',
    5: 'BUSY',
    6: 'LOCKED',
    7: 'NOMEM',
    8: 'READONLY',
    9: 'INTERRUPT',
    10: 'IOERR',
    13: 'FULL',
  },
  ...{ 14: 'CANTOPEN', 15: 'PROTOCOL', 17: 'SCHEMA', 18: 'TOOBIG', 19: 'CONSTRAINT', 20: 'MISMATCH', 21: 'MISUSE' },
  ...{ 23: 'AUTH', 25: 'RANGE' },
};

export const SQLITE = family({
  name: 'SQLite',
  shape:
    'a `code` that begins with `SQLITE_` (better-sqlite3, libsql, sqlite3), or `ERR_SQLITE_ERROR` with `errcode` (node:sqlite); extended codes by their primary one',
  sources: ['https://sqlite.org/rescode.html', 'https://nodejs.org/api/errors.html#err_sqlite_error'],
  keysOf: (link) => {
    const { code } = link;
    if (code === 'ERR_SQLITE_ERROR') return [`SQLITE_${SQLITE_NAMES[(link.number('errcode') ?? 0) & 0xff]}`];
    if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return undefined;
    return [code, code.split('_', 2).join('_')];
  },
  rows: {
    overloaded: 'SQLITE_BUSY SQLITE_LOCKED SQLITE_PROTOCOL',
    server_error: 'SQLITE_SCHEMA',
    resource: 'SQLITE_FULL SQLITE_NOMEM SQLITE_IOERR SQLITE_CANTOPEN',
    permission: 'SQLITE_READONLY SQLITE_PERM SQLITE_AUTH',
    abort: 'SQLITE_INTERRUPT',
    bad_request: 'SQLITE_CONSTRAINT SQLITE_ERROR SQLITE_MISMATCH SQLITE_RANGE SQLITE_TOOBIG SQLITE_MISUSE',
  },
});

export const MSSQL = family({
  name: 'SQL Server',
  shape:
    'a `number` beside `class`, `state` or `serverName` (tedious, mssql); a `code` of tedious beside the name of an error of it',
  sources: [
    'https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors',
    'https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues',
    'https://tediousjs.github.io/tedious/api-connection.html',
  ],
  keysOf: (link) => {
    const ofServer = link.has('serverName') || (link.has('class') && link.has('state'));
    const ofClient = /^(?:Connection|Request|Transaction|PreparedStatement)Error$/.test(link.name ?? '');
    return ofServer || ofClient ? [String(link.number('number')), link.text('code')] : undefined;
  },
  rows: {
    network: 'ESOCKET ECONNCLOSED ENOTOPEN ECLOSE 233 10053 10054 10060 64',
    timeout: 'ETIMEOUT -2 1222',
    overloaded: '10928 10929 40197 40501 40613 49918 49919 49920 701 8645 17 40143',
    server_error: '1205 3960 3906 4221',
    auth: 'ELOGIN 18456 18452',
    permission: '229 230 262 916',
    not_found: '208 4060 911',
    abort: 'ECANCEL',
    bad_request: '2627 2601 547 515 8152 2628 102 156 207 245 220 8114 8115 8134 50000 EARGS EPARAM',
  },
});

export const ORACLE = family({
  name: 'Oracle',
  shape: 'a `code` that begins with `ORA-` or `NJS-` (node-oracledb)',
  sources: [
    'https://docs.oracle.com/error-help/db/',
    'https://node-oracledb.readthedocs.io/en/latest/user_guide/exception_handling.html',
  ],
  keysOf: ({ code }) => (typeof code === 'string' && /^(?:ORA|NJS)-\d+$/.test(code) ? [code] : undefined),
  rows: {
    network: `ORA-03113 ORA-03114 ORA-03135 ORA-12514 ORA-12528 ORA-12537 ORA-12541 ORA-12545 ORA-12560 ORA-01033 ORA-01034 ORA-01089
      ORA-25408 NJS-500 NJS-501 NJS-503 NJS-521`,
    timeout: 'ORA-12170 ORA-01013 ORA-30006 NJS-040 NJS-510',
    overloaded: 'ORA-00018 ORA-00020 ORA-00054 ORA-04031 ORA-12516 ORA-12520 ORA-01653 NJS-076',
    server_error: 'ORA-00060 ORA-08177 ORA-04068 ORA-00600',
    auth: 'ORA-01017 ORA-28000 ORA-28001 ORA-01045',
    permission: 'ORA-01031 ORA-00990',
    not_found: 'ORA-00942 ORA-01403',
    bad_request: `ORA-00001 ORA-01400 ORA-01407 ORA-02290 ORA-02291 ORA-02292 ORA-00900 ORA-00904 ORA-00907 ORA-00911 ORA-00923 ORA-00933
      ORA-00936 ORA-01722 ORA-01438 ORA-12899 ORA-01476 ORA-01861 ORA-20000`,
  },
});

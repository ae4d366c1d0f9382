import { fieldsOf, read, textOf } from '../fields.js';
import { family } from './family.js';

export const REDIS = family({
  name: 'Redis',
  shape:
    'the first word of the message of a `ReplyError` (ioredis), `ErrorReply` or `SimpleError` (node-redis); the name of an error of ioredis',
  sources: [
    'https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors',
    'https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/',
    'https://github.com/redis/ioredis/tree/main/lib/errors',
  ],
  keysOf: ({ name, fields, message }) => {
    const className = textOf(fieldsOf(read(fields, 'constructor')), 'name');
    if (name !== 'ReplyError' && className !== 'ErrorReply' && className !== 'SimpleError') return [name];
    return [/max number of clients/.test(message) ? 'MAXCLIENTS' : message.split(/[\s:]/, 1)[0]?.toUpperCase()];
  },
  rows: {
    network:
      'MaxRetriesPerRequestError ClusterAllFailedError ClientClosedError ClientOfflineError SocketClosedUnexpectedlyError',
    timeout: 'ConnectionTimeoutError CommandTimeoutError SocketTimeoutError',
    overloaded: 'LOADING BUSY OOM NOREPLICAS MAXCLIENTS MISCONF',
    server_error: 'MOVED ASK TRYAGAIN CLUSTERDOWN MASTERDOWN READONLY UNBLOCKED',
    auth: 'NOAUTH WRONGPASS DENIED',
    permission: 'NOPERM',
    not_found: 'NOSCRIPT NOGROUP',
    bad_request: 'ERR WRONGTYPE CROSSSLOT EXECABORT BUSYKEY BUSYGROUP NOTBUSY UNKILLABLE INDEXERROR NOPROTO',
  },
});

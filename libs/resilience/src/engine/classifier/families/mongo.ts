import { itemsOf, read } from '../fields.js';
import type { Link } from '../link.js';
import { family } from './family.js';

export const MONGO = family({
  name: 'MongoDB',
  shape:
    'a `name` that begins with `Mongo`, or `codeName` beside a numeric `code`: the code, then `errorLabels`, then the name',
  sources: [
    'https://www.mongodb.com/docs/manual/reference/error-codes/',
    'https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md',
    'https://github.com/mongodb/node-mongodb-native/blob/main/src/error.ts',
  ],
  keysOf: (link) => {
    const { name, code } = link;
    if (name?.startsWith('Mongo') !== true && !(link.has('codeName') && typeof code === 'number')) return undefined;
    return [typeof code === 'number' ? String(code) : undefined, ...labels(link), name];
  },
  rows: {
    network: `6 7 9001 NetworkError ResetPool PoolRequestedRetry MongoNetworkError MongoServerSelectionError MongoPoolClearedError
      MongoServerClosedError MongoPoolClosedError MongoTopologyClosedError MongoNotConnectedError`,
    timeout: '24 50 89 202 262 MongoNetworkTimeoutError MongoOperationTimeoutError',
    overloaded: 'MongoWaitQueueTimeoutError 462 SystemOverloadedError',
    rate_limit: '16500',
    server_error: `10107 11600 11602 112 133 134 13435 13436 189 234 246 251 91 TransientTransactionError RetryableWriteError
      UnknownTransactionCommitResult RetryableError MongoStalePrimaryError`,
    auth: '18 8000 MongoMissingCredentialsError MongoAWSError',
    permission: '13',
    not_found: '26',
    bad_request: `11000 11001 12582 121 2 9 14 15 16 17 20 22 28 34 40 48 52 59 66 67 85 86 10334 17280 17419 40414 51024
      MongoParseError MongoInvalidArgumentError MongoTransactionError MongoBatchReExecutionError MongoDriverError MongoAPIError`,
  },
});

/** An array on the wire, a Set in the driver. */
function labels(link: Link): readonly string[] {
  const set = read(link.fields, 'errorLabelSet');
  const list = itemsOf(read(link.fields, 'errorLabels'), 8) ?? (set instanceof Set ? [...set].slice(0, 8) : []);
  return list.filter((label) => typeof label === 'string');
}

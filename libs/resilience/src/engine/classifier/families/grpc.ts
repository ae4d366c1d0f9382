import type { Link } from '../link.js';
import { family } from './family.js';

/** What only words tell: grpc-js reports its own limits and failed handshakes under codes that mean something else. */
const MISLEADING: readonly (readonly [code: number, words: RegExp, meant: string])[] = [
  [8, /larger than max|message too large/, '3'],
  [14, /certificate|self[- ]signed/, '16'],
];

export const GRPC = family({
  name: 'gRPC',
  shape:
    'a `code` from 1 to 16 beside `details` and `metadata` (grpc-js, gax, Firestore), `details` and `path` (nice-grpc), a `rawMessage` (Connect), or a message that begins with the code and its name',
  sources: ['https://grpc.io/docs/guides/status-codes/', 'https://connectrpc.com/docs/protocol/#error-codes'],
  keysOf: (link) => {
    const { code } = link;
    if (typeof code !== 'number' || code < 1 || code > 16 || !isGrpc(link, code)) return undefined;
    const meant = MISLEADING.find(([of, words]) => of === code && words.test(link.words))?.[2];
    return [meant ?? String(code)];
  },
  rows: {
    aborted: '1',
    server_error: '2 10 13 15',
    400: '3 9',
    timeout: '4',
    not_found: '5',
    bad_request: '6 11 12',
    403: '7',
    429: '8',
    overloaded: '14',
    auth: '16',
  },
});

function isGrpc(link: Link, code: number): boolean {
  if (typeof link.text('details') === 'string') return link.has('metadata') || link.has('path');
  return link.has('rawMessage') || new RegExp(`^${code} [a-z_]{2,20}:`).test(link.message);
}

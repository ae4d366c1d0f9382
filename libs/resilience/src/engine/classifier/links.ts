import { type Fields, fieldsOf, itemsOf, read } from './fields.js';
import { Link } from './link.js';

/** A chain longer than this is a loop or an attack. */
const MAX_DEPTH = 8;
/** In all, however a wrapper branches: a list of a million errors must cost no more than a short one. */
const MAX_LINKS = 32;

/** Where wrappers keep what they wrap, the most telling first: ai's RetryError, TypeORM, Sequelize, Objection, Prisma, ioredis, Apollo... */
const WRAPPED = [
  ...['lastError', 'cause', 'driverError', 'originalError', 'original', 'parent', 'nativeError', 'networkError'],
  ...[
    'inner',
    'innerError',
    'innerException',
    'previous',
    'lastNodeError',
    'driverAdapterError',
    'error',
    'err',
    'meta',
  ],
];
/** Asked only where no single error stands for the others. */
const LISTS = ['errors', 'graphQLErrors'];

/** The error and what it wraps, nearest first. Cycles end, nothing is read twice. */
export function linksOf(error: unknown): Link[] {
  const root = fieldsOf(error);
  if (root === undefined) return [];
  const seen = new Set<Fields>([root]);
  const links = [new Link(root)];
  const add = (value: unknown): Link | undefined => {
    if (typeof value !== 'object' || value === null || seen.has(value as Fields)) return undefined;
    seen.add(value as Fields);
    const link = new Link(value as Fields);
    links.push(link);
    return link;
  };
  let from = 0;
  for (let depth = 1; depth < MAX_DEPTH && from < links.length; depth++) {
    const until = links.length;
    for (; from < until; from++) {
      const fields = links[from]?.fields;
      for (const name of WRAPPED) if (links.length < MAX_LINKS) add(read(fields, name));
      if (read(fields, 'lastError') !== undefined) continue;
      for (const name of LISTS) {
        const items = itemsOf(read(fields, name), MAX_LINKS - links.length);
        const siblings = items?.map(add).filter((link) => link !== undefined);
        for (const link of siblings ?? []) link.siblings = siblings;
      }
    }
  }
  return links;
}

import type { FailureReason } from '../classification.js';
import type { Link } from '../link.js';
import { KAFKA, AMQP, NATS, SMTP } from './brokers.js';
import { AWS } from './aws.js';
import type { Family } from './family.js';
import { GRPC } from './grpc.js';
import { HTTP_STATUS, reasonOfStatus } from './http-status.js';
import { MONGO } from './mongo.js';
import { ORM, PRISMA } from './orm.js';
import { OWN } from './own.js';
import { REDIS } from './redis.js';
import { MSSQL, MYSQL, ORACLE, SQLITE, SQLSTATES } from './sql.js';
import { HTTP_CLIENTS, NAMES, NODE, TLS } from './system.js';
import { AI_SDK, TYPES, VENDOR_CODES } from './vendors.js';

/**
 * Who is asked what an error means, in this order: exact codes, known by the shape of the error that carries them; the HTTP status;
 * what only stands in for one, and names.
 */
export const FAMILIES: readonly Family[] = [
  ...[OWN, GRPC, AWS, MYSQL, SQLSTATES, SQLITE, MSSQL, ORACLE, PRISMA, MONGO, KAFKA, AMQP, SMTP],
  ...[VENDOR_CODES, HTTP_STATUS, TLS, HTTP_CLIENTS, NODE, TYPES, AI_SDK, REDIS, NATS, ORM, NAMES],
];

export function structuralReason(link: Link): FailureReason | 'abort' | undefined {
  for (const family of FAMILIES) {
    const meaning = family.meaningOf(link);
    if (meaning !== undefined) return typeof meaning === 'number' ? reasonOfStatus(meaning, link) : meaning;
  }
  return undefined;
}

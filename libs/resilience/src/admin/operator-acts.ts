import { type ExecutionContext, Logger } from '@nestjs/common';
import { redactText } from '../engine/redaction/index.js';

/** On a handler: what everybody who uses the application does all the time, so that it is no act of an operator. */
export const ROUTINE = 'nest-resilience:routine';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const LONGEST_PATH = 200;

const logger = new Logger('Resilience:Admin');

export interface Request {
  readonly method?: string;
  readonly originalUrl?: string;
  readonly url?: string;
  readonly ip?: string;
  readonly socket?: { readonly remoteAddress?: string };
}

/** Writes down what an operator does: purges, redrives, imports, switched circuits, cancelled runs; and exports, which read all. */
export function noteAct(context: ExecutionContext): void {
  if (context.getType() !== 'http') return;
  const handler = context.getHandler();
  const request = context.switchToHttp().getRequest<Request>();
  const { method = '', originalUrl, url = '' } = request;
  if (Reflect.getMetadata(ROUTINE, handler) === true) return;
  if (READING.has(method) && handler.name !== 'export') return;
  // Encoded by the client, so it has no line breaks; cut, because it is as long as the client likes.
  const path = redactText((originalUrl ?? url).slice(0, LONGEST_PATH));
  logger.log(`Operator at ${peerOf(request)}: ${method} ${path} (${context.getClass().name}.${handler.name})`);
}

export function peerOf({ ip, socket }: Request): string {
  return ip ?? socket?.remoteAddress ?? 'an unknown address';
}

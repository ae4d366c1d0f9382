import { setTimeout as pause } from 'node:timers/promises';

import { ShutdownState } from '@nest-resilience/core/health';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';

export interface LeaveOptions {
  /** How long the service goes on as before after readiness failed, so that whoever sends it work notices. */
  readonly delayMs: number;
  /** After this long a connection that is still open is cut: a client that never reads must not keep the process up. */
  readonly cutAfterMs: number;
}

/** By then nothing should be left to do; what keeps the process up, e.g. a request that nobody waits for, is not worth waiting for. */
const GRACE_MS = 2_000;

const logger = new Logger('Shutdown');

/**
 * On SIGTERM and SIGINT: readiness fails first, then Nest's shutdown hooks run, then nothing is left that keeps the process up.
 * Not `enableShutdownHooks()`, which would stop retries and refuse workflows while requests still come in. A second signal ends
 * the process at once.
 */
export function leaveOnSignal(app: NestExpressApplication, options: LeaveOptions): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      leave(app, signal, options).catch((error: unknown) => {
        logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
        process.exitCode = 1;
      });
    });
  }
}

async function leave(
  app: NestExpressApplication,
  signal: string,
  { delayMs, cutAfterMs }: LeaveOptions,
): Promise<void> {
  app.get(ShutdownState, { strict: false }).begin();
  logger.log(`${signal}: not ready from here on, requests are taken for ${delayMs} ms more`);
  await pause(delayMs);
  const cut = setTimeout(() => app.getHttpServer().closeAllConnections(), cutAfterMs);
  await app.close();
  clearTimeout(cut);
  logger.log('everything is answered or kept');
  setTimeout(() => {
    logger.warn(`the process was still held by ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit();
  }, GRACE_MS).unref();
}

import { setTimeout as pause } from 'node:timers/promises';

import { ShutdownState } from '@nest-resilience/core/health';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { FrontDoor } from './front-door.js';

export interface LeaveOptions {
  /** How long the service goes on as before after readiness failed, so that whoever sends it work notices. */
  readonly delayMs: number;
  /** What is at work then gets this long, all of it together. */
  readonly timeoutMs: number;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** What was given up when the time was over is answered; then connections are cut. */
const ANSWER_MS = 500;

/** By then nothing should be left to do; what keeps the process up, e.g. a request that nobody waits for, is not worth waiting for. */
const GRACE_MS = 2_000;

const logger = new Logger('Resilience:Shutdown');

/**
 * On SIGTERM and SIGINT: readiness fails first, then Nest's shutdown hooks run, then nothing is left that keeps the process up.
 * Not `enableShutdownHooks()`, which would stop retries and refuse workflows while requests still come in. A second signal, the
 * same or the other, ends the process at once. Call it before anything else that handles requests is added.
 */
export function leaveOnSignal(app: NestExpressApplication, options: LeaveOptions): void {
  const door = new FrontDoor(app.getHttpServer());
  app.use(door.guard);
  const begin = (signal: NodeJS.Signals): void => {
    // Without a listener of ours, the next signal does what signals do.
    for (const name of SIGNALS) process.off(name, begin);
    leave(app, door, signal, options).catch((error: unknown) => {
      logger.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.exitCode = 1;
    });
  };
  for (const name of SIGNALS) process.on(name, begin);
}

async function leave(
  app: NestExpressApplication,
  door: FrontDoor,
  signal: string,
  { delayMs, timeoutMs }: LeaveOptions,
): Promise<void> {
  app.get(ShutdownState, { strict: false }).begin();
  logger.log(`${signal}: not ready from here on, requests are taken for ${delayMs} ms more`);
  await pause(delayMs);
  door.shut();
  const cut = setTimeout(() => door.cut(), timeoutMs + ANSWER_MS);
  await app.close();
  clearTimeout(cut);
  logger.log('everything is answered or kept');
  setTimeout(() => {
    logger.warn(`the process was still held by ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit();
  }, GRACE_MS).unref();
}

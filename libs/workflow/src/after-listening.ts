import { type Clock, systemClock } from '@nest-resilience/core';

/** An application that is initialised and does not listen by then is not going to. */
const PATIENCE_MS = 1_000;

interface HttpServer {
  readonly listening: boolean;
  once(event: 'listening', listener: () => void): unknown;
  off(event: 'listening', listener: () => void): unknown;
}

/**
 * Resolves once the server listens, and after a while where nobody has it listen. `undefined` when there is nothing to wait for: in a
 * microservice, or when it listens already.
 */
export function afterListening(server: unknown, clock: Clock = systemClock): Promise<void> | undefined {
  if (!isServer(server) || server.listening) return undefined;
  return new Promise<void>((resolve) => {
    const done = (): void => {
      timer.cancel();
      server.off('listening', done);
      resolve();
    };
    const timer = clock.setTimer(done, PATIENCE_MS);
    timer.unref();
    server.once('listening', done);
  });
}

function isServer(server: unknown): server is HttpServer {
  return typeof server === 'object' && server !== null && 'listening' in server && 'once' in server && 'off' in server;
}

import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventSink } from '@nest-resilience/core';

/** What the policies declared on a method report while a node runs it. */
export interface MethodListener {
  /** Name of the method's policies, `Class.method`; reports of anything the method calls are its own business. */
  readonly policy: string;
  retried(error: unknown): void;
  fellBack(level: number, name: string, error: unknown): void;
}

const listening = new AsyncLocalStorage<MethodListener>();

/** Runs a method so that its own policies' reports reach the listener. */
export function listenWhile<T>(listener: MethodListener, run: () => T): T {
  return listening.run(listener, run);
}

const NAMES = new Set(['resilience.retry.scheduled', 'resilience.fallback.used']);

/** Receives the application's events; they are emitted in the context of the call, which tells the node they belong to. */
export const methodEvents: EventSink = {
  listens: (name) => NAMES.has(name) && listening.getStore() !== undefined,
  emit(name, payload) {
    const listener = listening.getStore();
    const {
      policy,
      error,
      level,
      name: fallback,
    } = payload as { policy?: unknown; error?: unknown; level?: number; name?: string };
    if (!listener || policy !== listener.policy) return;
    if (name === 'resilience.retry.scheduled') listener.retried(error);
    else listener.fellBack(level ?? 1, fallback ?? '', error);
  },
};

import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventSink } from '@nest-resilience/core';
import type { LlmAnswer } from '../llm.port.js';

/** What is reported while a node runs a method or a step. */
export interface MethodListener {
  /** Name of the method's policies, `Class.method`; reports of anything the method calls are its own business. */
  readonly policy: string;
  retried(error: unknown): void;
  fellBack(level: number, name: string, error: unknown): void;
  /** It asked a model by itself. */
  answered(answer: LlmAnswer): void;
  failed(error: unknown, tries: unknown): void;
}

const listening = new AsyncLocalStorage<MethodListener | undefined>();

/** Runs a method so that its own policies' reports, and those of models that it asks, reach the listener; `undefined`: nobody. */
export function listenWhile<T>(listener: MethodListener | undefined, run: () => T): T {
  // Without a step that began it nobody listens, and following calls is not free.
  if (listener === undefined && listening.getStore() === undefined) return run();
  return listening.run(listener, run);
}

type Report = (listener: MethodListener, payload: never) => void;

const ofMethod =
  (report: (listener: MethodListener, payload: Told) => void): Report =>
  (listener, payload: Told) => {
    if (payload.policy === listener.policy) report(listener, payload);
  };

interface Told {
  readonly policy?: unknown;
  readonly error?: unknown;
  readonly level?: number;
  readonly name?: string;
  readonly tries?: unknown;
}

const REPORTS: Readonly<Record<string, Report>> = {
  'resilience.retry.scheduled': ofMethod((listener, { error }) => listener.retried(error)),
  'resilience.fallback.used': ofMethod((listener, { level, name, error }) =>
    listener.fellBack(level ?? 1, name ?? '', error),
  ),
  'resilience.llm.completed': (listener, answer: LlmAnswer) => listener.answered(answer),
  'resilience.llm.failed': (listener, { error, tries }: Told) => listener.failed(error, tries),
};

/** Receives the application's events; they are emitted in the context of the call, which tells the node they belong to. */
export const methodEvents: EventSink = {
  listens: (name) => name in REPORTS && listening.getStore() !== undefined,
  emit(name, payload) {
    const listener = listening.getStore();
    if (listener) REPORTS[name]?.(listener, payload as never);
  },
};

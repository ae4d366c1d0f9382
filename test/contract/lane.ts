import type { INestApplicationContext } from '@nestjs/common';
import type { FakeClock } from '@nest-resilience/core/testing';
import { isObservable, lastValueFrom } from 'rxjs';

import type { Script } from './script.js';
import type { PolicyName, ReturnKind } from './subject.js';

/** One way in which a decorated method can be reached. */
export interface Lane {
  readonly name: string;
  readonly kinds: readonly ReturnKind[];
  /** The way back carries no value: only what happened to the method can be seen. */
  readonly fireAndForget?: boolean;
  /** Errors come back as something else (a status, a text). */
  readonly translatesErrors?: boolean;
  /** Reached through Nest's interceptors: its arguments are known only behind them. */
  readonly handler?: boolean;
  /** Nobody gives the method an argument, so all its calls are alike. */
  readonly withoutArguments?: boolean;
  /** Policies do not apply: the method runs plain. */
  readonly plain?: boolean;
  open(clock: FakeClock): Promise<OpenLane>;
}

export interface OpenLane {
  readonly app: INestApplicationContext;
  readonly script: Script;
  /** Class name as it shows in metrics and dead letters. */
  readonly className: string;
  call(kind: ReturnKind, policy: PolicyName, arg: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Whatever a method returned, awaited. */
export async function settle(result: unknown): Promise<unknown> {
  const value = isObservable(result) ? await lastValueFrom(result) : await result;
  if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return value;
  let last: unknown;
  for await (const item of value as AsyncIterable<unknown>) last = item;
  return last;
}

export type Callable = Record<string, (arg: string) => unknown>;

/** Waits for real I/O without sleeping. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 200_000) throw new Error('The awaited condition never came true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

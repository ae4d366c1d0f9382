import 'reflect-metadata';

import { Inject, Injectable } from '@nestjs/common';
import {
  Bulkhead,
  Cache,
  Chaos,
  CircuitBreaker,
  Coalesce,
  DeadLetter,
  Fallback,
  Hedge,
  RateLimit,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { defer, NEVER, Observable, of, throwError } from 'rxjs';

import { Script } from './script.js';

export const RETURN_KINDS = ['promise', 'undeclared', 'sync', 'observable', 'iterable'] as const;
/** `undeclared` is a plain function that happens to return a promise: nothing tells so before its first call. */
export type ReturnKind = (typeof RETURN_KINDS)[number];

export const POLICIES = {
  retry: () => [Retry({ maxRetries: 2, strategy: 'immediate', budget: false })],
  breaker: () => [CircuitBreaker({ failureThreshold: 2, recoveryTimeout: '60s' })],
  timeout: () => [Timeout('1s')],
  fallback: () => [Fallback('rescue')],
  deadLetter: () => [DeadLetter('contract')],
  bulkhead: () => [Bulkhead({ maxConcurrent: 1 }), Timeout('1s')],
  bulkheadQueue: () => [Bulkhead({ maxConcurrent: 1, maxQueue: 1 }), Timeout('1s')],
  rateLimit: () => [RateLimit({ limit: 2, interval: '60s' })],
  hedge: () => [Hedge('1s')],
  cache: () => [Cache({ ttl: '60s', staleIfError: '60s' })],
  coalesce: () => [Coalesce(), Timeout('1s')],
  chaos: () => [Chaos({ rate: 1, fault: () => new Error('chaos') }), Fallback('rescue')],
  // Written in an order that is nobody's: it must not matter.
  all: () => [
    Timeout('1s'),
    DeadLetter('contract'),
    Retry({ maxRetries: 2, strategy: 'immediate', budget: false }),
    Fallback('rescue'),
    CircuitBreaker({ failureThreshold: 9 }),
  ],
} satisfies Record<string, () => MethodDecorator[]>;
export type PolicyName = keyof typeof POLICIES;

type Subject = { readonly script: Script };

const BODIES: Record<ReturnKind, () => (this: Subject, x?: string) => unknown> = {
  promise: () =>
    async function (x) {
      const step = this.script.take();
      if (step === 'hang') await new Promise(() => undefined);
      if (step instanceof Error) throw step;
      return x;
    },
  undeclared: () =>
    function (x) {
      const step = this.script.take();
      if (step === 'hang') return new Promise(() => undefined);
      return step instanceof Error ? Promise.reject(step) : Promise.resolve(x);
    },
  sync: () =>
    function (x) {
      const step = this.script.take();
      if (step instanceof Error) throw step;
      return x;
    },
  observable: () =>
    function (x) {
      return defer(() => {
        const step = this.script.take();
        if (step === 'hang') return NEVER;
        return step instanceof Error ? throwError(() => step) : of(x);
      });
    },
  iterable: () =>
    async function* (x) {
      const step = this.script.take();
      if (step === 'hang') await new Promise(() => undefined);
      if (step instanceof Error) throw step;
      yield x;
    },
};

const DECLARED: Partial<Record<ReturnKind, unknown>> = { promise: Promise, sync: String, observable: Observable };

/** Puts one method per return kind and policy on a class, as a user would have written them. `extra` decorates them further. */
export function defineMethods<T extends new (...args: never[]) => Subject>(
  type: T,
  kinds: readonly ReturnKind[] = RETURN_KINDS,
  extra: (name: string, prototype: object) => MethodDecorator[] = () => [],
): T {
  const prototype = type.prototype as object;
  for (const kind of kinds) {
    for (const policy of Object.keys(POLICIES) as PolicyName[]) {
      const name = methodName(kind, policy);
      const value = BODIES[kind]();
      Object.defineProperty(value, 'name', { value: name });
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
      if (DECLARED[kind] !== undefined) Reflect.defineMetadata('design:returntype', DECLARED[kind], prototype, name);
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      const decorated = Reflect.decorate(
        [...extra(name, prototype), ...POLICIES[policy]()],
        prototype,
        name,
        descriptor,
      );
      if (decorated !== undefined) Object.defineProperty(prototype, name, decorated);
    }
  }
  return type;
}

export function methodName(kind: ReturnKind, policy: PolicyName): string {
  return `${kind}_${policy}`;
}

/** A class that tests decorate: it has a script and a fallback method. */
export function subjectClass(name: string): new (script: Script) => Subject {
  const type = {
    [name]: class {
      constructor(readonly script: Script) {}
      rescue(...args: unknown[]): string {
        return this.script.rescue(args);
      }
    },
  }[name] as new (script: Script) => Subject;
  Injectable()(type);
  Inject(Script)(type, undefined, 0);
  return type;
}

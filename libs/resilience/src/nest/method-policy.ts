import { ResilienceOptionsError } from '../engine/errors.js';
import type { Method } from '../engine/pipeline-parts.js';
import type { Pipeline } from '../engine/pipeline.js';
import type { ReturnKind } from '../engine/return-kind.js';
import type { PolicyKind, ResolvedPolicy } from '../policy/policy.options.js';

const METHOD_POLICY = Symbol.for('nest-resilience:method-policy');

/** Where each policy of a method was written. */
export type PolicySource = 'method' | 'class';

/** What the decorators on one method declare together: one record, however many decorators, in whatever order. */
export class MethodPolicy {
  readonly declared: { -readonly [K in PolicyKind]?: ResolvedPolicy[K] } = {};
  readonly sources: Partial<Record<PolicyKind, PolicySource>> = {};
  attemptIndex = -1;
  /** Set once Nest's interceptor has run for this method: only then can a call have come through it. */
  intercepted = false;
  /** Inline cache for the hot path: nearly every application has one binding per class. */
  lastBinding: object | undefined;
  lastPipeline: Pipeline | undefined;

  constructor(
    readonly className: string,
    readonly methodName: string,
    readonly original: Method,
    readonly kind: ReturnKind,
  ) {}

  add<K extends PolicyKind>(kind: K, decorator: string, options: ResolvedPolicy[K], source: PolicySource): void {
    if (this.sources[kind] === source) {
      const path = `${this.className}.${this.methodName} > @${decorator}`;
      throw new ResilienceOptionsError([
        { path, value: 'the same decorator twice', allowed: 'one of a kind on a method' },
      ]);
    }
    // Class decorators run last, and a method's own declaration wins.
    if (this.sources[kind] === 'method') return;
    this.declared[kind] = options;
    this.sources[kind] = source;
  }
}

export function methodPolicyOf(method: unknown): MethodPolicy | undefined {
  if (typeof method !== 'function') return undefined;
  return Reflect.getMetadata(METHOD_POLICY, method) as MethodPolicy | undefined;
}

export function attachMethodPolicy(method: object, policy: MethodPolicy): void {
  Reflect.defineMetadata(METHOD_POLICY, policy, method);
}

/** A prototype and those it inherits from, nearest first. */
export function* prototypeChain(prototype: object): Iterable<object> {
  for (
    let level: object | null = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    yield level;
  }
}

/** Every decorated method that instances of this class have, inherited ones included. */
export function methodPoliciesOf(prototype: object): Map<string, MethodPolicy> {
  const found = new Map<string, MethodPolicy>();
  const seen = new Set<string>();
  for (const level of prototypeChain(prototype)) {
    for (const name of Object.getOwnPropertyNames(level)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const policy = methodPolicyOf(Object.getOwnPropertyDescriptor(level, name)?.value);
      if (policy !== undefined) found.set(name, policy);
    }
  }
  return found;
}

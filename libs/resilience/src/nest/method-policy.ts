import { ResilienceOptionsError } from '../engine/errors.js';
import type { Method } from '../engine/pipeline-parts.js';
import type { Pipeline } from '../engine/pipeline.js';
import type { ReturnKind } from '../engine/return-kind.js';
import type { Policies, PolicyKind, ResolvedPolicy } from '../policy/policy.options.js';
import { sharedSymbol } from './copies.js';

const METHOD_POLICY = sharedSymbol('method-policy');

/** Where a declaration was written. */
export type DeclarationLevel = 'method' | 'class';

/** What the decorators on one method declare together: one record, however many decorators, in whatever order. */
export class MethodPolicy {
  readonly declared: { -readonly [K in PolicyKind]?: ResolvedPolicy[K] } = {};
  /** What was written, for an application that lays its own options under or over it. */
  readonly inputs: { -readonly [K in PolicyKind]?: Policies[K] } = {};
  readonly sources: Partial<Record<PolicyKind, DeclarationLevel>> = {};
  /** Policies taken by name: `@Resilient('name')`. */
  readonly named: { [L in DeclarationLevel]?: string } = {};
  attemptIndex = -1;
  /** HTTP routes pass it their request behind all other arguments. */
  takesRequest = false;
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

  add<K extends PolicyKind>(
    kind: K,
    decorator: string,
    { input, resolved }: { input: Policies[K]; resolved: ResolvedPolicy[K] },
    level: DeclarationLevel,
  ): void {
    if (this.sources[kind] === level) this.refuseSecond(decorator);
    // Class decorators run last, and a method's own declaration wins.
    if (this.sources[kind] === 'method') return;
    this.declared[kind] = resolved;
    this.inputs[kind] = input;
    this.sources[kind] = level;
  }

  addNamed(policyName: string, level: DeclarationLevel): void {
    if (this.named[level] !== undefined) this.refuseSecond('Resilient');
    this.named[level] = policyName;
  }

  private refuseSecond(decorator: string): never {
    const path = `${this.className}.${this.methodName} > @${decorator}`;
    throw new ResilienceOptionsError([{ path, value: 'the same policy twice', allowed: 'one of a kind on a method' }]);
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

/** Every method that instances of this class have, inherited ones included. */
export function* methodNames(prototype: object): Iterable<string> {
  const seen = new Set(['constructor']);
  for (const level of prototypeChain(prototype)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value !== 'function' || seen.has(name)) continue;
      seen.add(name);
      yield name;
    }
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

import { Inject, Optional, UseInterceptors } from '@nestjs/common';

import { ResilienceOptionsError } from '../engine/errors.js';
import { callMethod, type Method } from '../engine/pipeline-parts.js';
import { kindOfMethod } from '../engine/return-kind.js';
import type { PolicyKind, ResolvedPolicy } from '../policy/policy.options.js';
import { attemptIndexOf } from './attempt.decorator.js';
import { bindingOf, isBindingSource } from './binding.js';
import { type HandlerMark, handlerMarks } from './handler-mark.js';
import { attachMethodPolicy, MethodPolicy, methodPolicyOf, type PolicySource } from './method-policy.js';
import { ResilienceInterceptor } from './resilience.interceptor.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

/**
 * Makes a decorator that declares one policy on a method, or on every own public method of a class.
 * @param read checks the options; gets the path to name in problems
 */
export function policyDecorator<K extends PolicyKind>(
  kind: K,
  name: string,
  read: (path: string) => ResolvedPolicy[K],
  /** Methods that a class-level declaration must leave alone. */
  spares: (options: ResolvedPolicy[K], method: string) => boolean = () => false,
): MethodDecorator & ClassDecorator {
  const declare = (target: object, key: string, descriptor: PropertyDescriptor, source: PolicySource): void => {
    const className = target.constructor.name;
    const options = read(`${className}.${key} > @${name}`);
    if (source === 'class' && spares(options, key)) return;
    protect(target, key, descriptor).add(kind, name, options, source);
  };
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (key === undefined) return onClass(target as NewableFunction, name, (...args) => declare(...args, 'class'));
    refuseAnythingButMethods(target, key, descriptor, name);
    declare(target, String(key), descriptor as PropertyDescriptor, 'method');
  };
}

type Declare = (target: object, key: string, descriptor: PropertyDescriptor) => void;

function onClass(type: NewableFunction, name: string, declare: Declare): void {
  const prototype = type.prototype as object;
  const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(
    ([key, descriptor]) => key !== 'constructor' && typeof descriptor.value === 'function' && !LIFECYCLE_HOOKS.has(key),
  );
  if (methods.length === 0) {
    throw new ResilienceOptionsError([
      { path: `${type.name} > @${name}`, value: 'a class without methods', allowed: 'a class with methods of its own' },
    ]);
  }
  for (const [key, descriptor] of methods) {
    declare(prototype, key, descriptor);
    Object.defineProperty(prototype, key, descriptor);
  }
}

/** Called by Nest once, at start and end: retrying them is the application's business. */
const LIFECYCLE_HOOKS: ReadonlySet<string> = new Set([
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
]);

function refuseAnythingButMethods(
  target: object,
  key: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  name: string,
): void {
  const isStatic = typeof target === 'function';
  const className = isStatic ? target.name : target.constructor.name;
  const what = isStatic
    ? 'a static member'
    : typeof descriptor?.value === 'function'
      ? undefined
      : 'something that is no method';
  if (what === undefined && typeof key === 'string') return;
  throw new ResilienceOptionsError([
    {
      path: `${className}.${String(key)} > @${name}`,
      value: what ?? 'a symbol-named method',
      allowed: 'an instance method with a string name',
    },
  ]);
}

/** Wraps the method once; every further decorator adds to the same record. */
function protect(target: object, key: string, descriptor: PropertyDescriptor): MethodPolicy {
  const known = methodPolicyOf(descriptor.value);
  if (known !== undefined) return known;
  const original = descriptor.value as Method;
  const declared = Reflect.getMetadata('design:returntype', target, key) as unknown;
  const policy = new MethodPolicy(target.constructor.name, key, original, kindOfMethod(original, declared));
  policy.attemptIndex = attemptIndexOf(target, key);
  const wrapped = wrap(policy);
  for (const metadataKey of Reflect.getOwnMetadataKeys(original)) {
    Reflect.defineMetadata(metadataKey, Reflect.getOwnMetadata(metadataKey, original), wrapped);
  }
  Object.defineProperty(wrapped, 'length', { value: original.length, configurable: true });
  attachMethodPolicy(wrapped, policy);
  descriptor.value = wrapped;
  UseInterceptors(ResilienceInterceptor)(target, key, descriptor);
  receiveBinding(target);
  return policy;
}

/** Hot path: see bench/success-path. */
function wrap(policy: MethodPolicy): Method {
  const { original, methodName } = policy;
  const holder = {
    [methodName](this: unknown, ...args: unknown[]): unknown {
      const binding = bindingOf(this);
      if (binding === undefined) return Reflect.apply(original, this, args) as unknown;
      if (policy.intercepted) {
        const mark = handlerMarks.getStore();
        if (mark !== undefined && mark.policy === policy && !mark.entered) return enterHandler(mark, this, args);
      }
      if (policy.lastBinding !== binding) {
        policy.lastPipeline = binding.pipeline(policy);
        policy.lastBinding = binding;
      }
      return policy.lastPipeline?.invoke(original, this, args);
    },
  };
  return holder[methodName] as Method;
}

/** The interceptor runs the policies; the method's part is to be admitted and to say who it was called with. */
function enterHandler(mark: HandlerMark, self: unknown, args: readonly unknown[]): unknown {
  const { execution, policy, attempt } = mark;
  mark.entered = true;
  execution.self = self;
  execution.args = args;
  return attempt.enter(() => callMethod(execution.parts, policy.original, self, args, attempt));
}

const RECEIVER = Symbol.for('nest-resilience:receiver');

/**
 * Nest injects properties in every scope, module and application, before anybody can call the instance; the setter takes what
 * is injected out of it again. Without the module the injection is empty and methods stay plain.
 */
function receiveBinding(prototype: object): void {
  if (RECEIVER in prototype) return;
  Object.defineProperty(prototype, RECEIVER, {
    configurable: true,
    get: () => undefined,
    set(this: object, source: unknown) {
      if (isBindingSource(source)) source.bind(this);
    },
  });
  Inject(RESILIENCE_RUNTIME)(prototype, RECEIVER);
  Optional()(prototype, RECEIVER);
}

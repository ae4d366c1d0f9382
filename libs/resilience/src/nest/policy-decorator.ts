import { Inject, type InjectionToken, Optional, UseInterceptors } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { concat, defer } from 'rxjs';

import { ResilienceOptionsError } from '../engine/errors.js';
import { reachMethod } from '../engine/method-call.js';
import { callMethod, type Method } from '../engine/pipeline-parts.js';
import { isThenable, kindOfMethod, kindOfValue, toObservable } from '../engine/return-kind.js';
import {
  type Policies,
  type PolicyInput,
  type PolicyKind,
  readPolicy,
  type ResolvedPolicy,
} from '../policy/policy.options.js';
import { attemptIndexOf } from './attempt.decorator.js';
import { bindingOf, isBindingSource } from './binding.js';
import { sharedSymbol } from './copies.js';
import { type HandlerMark, handlerMarks, takeRequest } from './private/handler-mark.js';
import { attachMethodPolicy, type DeclarationLevel, MethodPolicy, methodPolicyOf } from './method-policy.js';
import { noteMissingModule } from './missing-module.js';
import { ResilienceInterceptor } from './resilience.interceptor.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

/**
 * Makes a decorator that declares one policy on a method, or on every own public method of a class.
 * @param input the options as written
 */
export function policyDecorator<K extends PolicyKind>(
  kind: K,
  name: string,
  input: PolicyInput<K> | undefined,
  /** Methods that a class-level declaration must leave alone. */
  spares: (options: ResolvedPolicy[K], method: string) => boolean = () => false,
): MethodDecorator & ClassDecorator {
  return declaring(name, (method, path, level, key) => {
    const resolved = readPolicy(kind, input, path);
    if (level === 'class' && spares(resolved, key)) return;
    method().add(kind, name, { input: (input ?? true) as Policies[K], resolved }, level);
  });
}

/** Adds what a decorator declares to the record of a method; asking for the record wraps the method. */
type Declare = (method: () => MethodPolicy, path: string, level: DeclarationLevel, key: string) => void;

/** Makes a decorator for a method, or for every own public method of a class. */
export function declaring(name: string, declare: Declare): MethodDecorator & ClassDecorator {
  const apply: Apply = (target, key, descriptor, level) =>
    declare(() => protect(target, key, descriptor), `${target.constructor.name}.${key} > @${name}`, level, key);
  return (target: object, key?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (key === undefined) return onClass(target as NewableFunction, name, apply);
    refuseAnythingButMethods(target, key, descriptor, name);
    apply(target, String(key), descriptor as PropertyDescriptor, 'method');
  };
}

type Apply = (target: object, key: string, descriptor: PropertyDescriptor, level: DeclarationLevel) => void;

function onClass(type: NewableFunction, name: string, apply: Apply): void {
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
    apply(prototype, key, descriptor, 'class');
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
      const mark = policy.intercepted ? takeMark(policy, args) : undefined;
      const binding = bindingOf(this);
      if (binding === undefined) return Reflect.apply(original, this, args) as unknown;
      if (mark !== undefined) return enterHandler(mark, this, args);
      if (policy.lastBinding !== binding) {
        policy.lastPipeline = binding.pipeline(policy);
        policy.lastBinding = binding;
      }
      return policy.lastPipeline?.invoke(original, this, args);
    },
  };
  return holder[methodName] as Method;
}

/** The mark of this call, if it came through the interceptor. */
function takeMark(policy: MethodPolicy, args: unknown[]): HandlerMark | undefined {
  const passed = takeRequest(policy, args);
  if (passed?.attempt !== undefined) return passed;
  const mark = handlerMarks.getStore();
  return mark !== undefined && mark.policy === policy && !mark.attempt.arrived ? mark : undefined;
}

/** The interceptor runs the policies; the method's part is to be admitted and to say who it was called with. */
function enterHandler(mark: HandlerMark, self: unknown, args: readonly unknown[]): unknown {
  const { policy, attempt } = mark;
  const { execution } = attempt;
  // An interceptor inside ours has the handler run again: that is the same attempt.
  if (attempt.arrived) return callMethod(execution.parts, policy.original, self, args, attempt);
  attempt.arrived = true;
  execution.self = self;
  execution.args = args;
  const { cache, context } = execution.parts;
  const call = (): unknown => {
    const reach = (): unknown => reachMethod(attempt, policy.original);
    const wait = attempt.admit();
    return wait === undefined
      ? reach()
      : concat(
          wait,
          defer(() => toObservable(reach())),
        );
  };
  if (cache === undefined) return call();
  // Only here are the arguments known, so on a handler the cache is inside the retry; what has expired answers outside of it.
  const hit = cache.fresh(args, context.clock.now());
  if (hit !== undefined) return hit.value;
  const remember = (value: unknown): unknown => {
    cache.remember(args, value, context.clock.now());
    return value;
  };
  const answer = call();
  if (isThenable(answer)) return Promise.resolve(answer).then(remember);
  return kindOfValue(answer) === 'sync' ? remember(answer) : answer;
}

const RECEIVER = sharedSymbol('receiver');
const WITNESS = sharedSymbol('witness');

/**
 * Nest injects properties in every scope, module and application, before anybody can call the instance; the setter takes what
 * is injected out of it again. Without the module nothing is injected and methods stay plain; the witness, which every
 * application has, is injected next and tells such an application from a class that was made with `new`.
 */
function receiveBinding(prototype: object): void {
  if (RECEIVER in prototype) return;
  onInjection(prototype, RECEIVER, RESILIENCE_RUNTIME, (instance, source) => {
    if (isBindingSource(source)) source.bind(instance);
  });
  onInjection(prototype, WITNESS, ModuleRef, (instance, application) => {
    if (bindingOf(instance) === undefined)
      noteMissingModule(application as ModuleRef, `${instance.constructor.name} has`);
  });
}

function onInjection(
  prototype: object,
  property: symbol,
  token: InjectionToken,
  take: (instance: object, injected: unknown) => void,
): void {
  Object.defineProperty(prototype, property, {
    configurable: true,
    get: () => undefined,
    set(this: object, injected: unknown) {
      take(this, injected);
    },
  });
  Inject(token)(prototype, property);
  Optional()(prototype, property);
}

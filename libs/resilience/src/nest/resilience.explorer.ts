import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';

import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import { didYouMean } from '../engine/did-you-mean.js';
import type { FallbackTarget } from '../fallback/fallback.options.js';
import { collect } from '../policy/policy.options.js';
import { bindingOf } from './binding.js';
import { clientsThatRetry, describeClientRetries } from './client-retries.js';
import { debugLogged } from './debug-logged.js';
import { methodPoliciesOf, type MethodPolicy, prototypeChain } from './method-policy.js';
import { describeOverride, overriddenMethods } from './overridden-methods.js';
import { policyTable } from './policy-table.js';
import { NEST_METADATA, OTHER_TRANSPORTS } from './private/nest-metadata.js';
import { ResilienceRuntime } from './resilience.runtime.js';
import { ResilienceService } from './resilience.service.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Looks over the application once at boot: checks what only the whole class can show (names of fallbacks), binds what
 * factories made, remembers where redriven calls go, and says what protects what and which declarations cannot be reached.
 */
@Injectable()
export class ResilienceExplorer implements OnModuleInit, OnApplicationBootstrap {
  private readonly logger = new Logger('Resilience:Policies');

  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(RESILIENCE_RUNTIME) private readonly runtime: ResilienceRuntime,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
  ) {}

  onModuleInit(): void {
    const problems: OptionProblem[] = [];
    const prototypes = new Set<object>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const prototype = prototypeOf(wrapper);
      if (prototype === undefined) continue;
      prototypes.add(prototype);
      const methods = methodPoliciesOf(prototype);
      if (methods.size === 0) continue;
      collect(problems, () => this.check(prototype, methods));
      if (isScopedFactory(wrapper)) this.warnOfFactory(wrapper, prototype, methods);
      else if (problems.length === 0) this.adopt(wrapper, prototype, methods);
    }
    if (problems.length > 0) throw new ResilienceOptionsError(problems);
    this.warnOfOverrides(prototypes);
    this.warnOfOverlays();
    this.warnOfCoalescedHandlers(prototypes);
    this.logTable();
  }

  /** Later than the rest, since a class may make its client in its own `onModuleInit`. */
  onApplicationBootstrap(): void {
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const prototype = prototypeOf(wrapper);
      const instance: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
      if (prototype === undefined || typeof instance !== 'object' || instance === null) continue;
      const clients = clientsThatRetry(instance);
      if (clients.length === 0) continue;
      const retried = [...methodPoliciesOf(prototype)].flatMap(([method, policy]) => {
        const name = `${prototype.constructor.name}.${method}`;
        const { maxRetries = 0 } = this.runtime.policies.effective(policy, name).resolved.retry ?? {};
        return maxRetries > 0 ? [{ name, maxRetries }] : [];
      });
      for (const client of clients)
        for (const method of retried) this.logger.warn(describeClientRetries(client, method));
    }
  }

  /** What only the whole class and the application's own policies can show. */
  private check(prototype: object, methods: Map<string, MethodPolicy>): void {
    const fallbacks = new Map<string, readonly FallbackTarget[]>();
    const problems: OptionProblem[] = [];
    for (const [method, policy] of methods) {
      const name = `${prototype.constructor.name}.${method}`;
      const effective = collect(problems, () => this.runtime.policies.effective(policy, name));
      fallbacks.set(
        method,
        (effective?.resolved.fallback ?? []).map(({ target }) => target),
      );
    }
    problems.push(...checkFallbackNames(prototype, fallbacks), ...checkFallbackCycles(prototype, fallbacks));
    if (problems.length > 0) throw new ResilienceOptionsError(problems);
  }

  /** An overlay whose name is misspelt would silently do nothing. */
  private warnOfOverlays(): void {
    const overlays = Object.keys(this.runtime.policies.named).filter((name) => METHOD_NAME.test(name));
    if (overlays.length === 0) return;
    const known = [...this.runtime.protectedMethods()].map(({ name }) => name);
    for (const name of overlays) {
      if (known.includes(name)) continue;
      this.logger.warn(
        `forRoot({ policies: { '${name}': ... } }) names no decorated method of this application` +
          `${didYouMean(name, known)}: it overlays nothing until a lazily loaded module brings that method`,
      );
    }
  }

  /** A handler's arguments are known only behind the interceptor, where its call has long begun. */
  private warnOfCoalescedHandlers(prototypes: Iterable<object>): void {
    for (const { name, policy, effective } of this.runtime.protectedMethods()) {
      if (effective.resolved.coalesce === undefined) continue;
      const owners = [...prototypes].filter(
        (prototype) => methodPoliciesOf(prototype).get(policy.methodName) === policy,
      );
      if (!owners.some((prototype) => isHandler(prototype, policy.methodName))) continue;
      this.logger.warn(
        `@Coalesce on the handler ${name} has no effect: decorate the method of the service that the handler calls`,
      );
    }
  }

  /** Nothing is injected into what it makes, and nobody sees that before the first request. */
  private warnOfFactory(wrapper: Wrapper, prototype: object, methods: Map<string, MethodPolicy>): void {
    if ((wrapper.inject ?? []).includes(ResilienceService)) return;
    const type = prototype.constructor.name;
    const names = [...methods.keys()].map((method) => `${type}.${method}`);
    this.logger.warn(
      `${type} comes from a request-scoped factory, so the decorators of ${names.join(', ')} have no effect; ` +
        'let the factory inject ResilienceService and return resilience.bind(instance)',
    );
  }

  private warnOfOverrides(prototypes: Iterable<object>): void {
    const warnings = new Set<string>();
    for (const prototype of prototypes)
      for (const overridden of overriddenMethods(prototype)) warnings.add(describeOverride(overridden));
    for (const warning of warnings) this.logger.warn(warning);
  }

  private logTable(): void {
    if (!debugLogged()) return;
    const reports = this.resilience.policies();
    if (reports.length > 0) this.logger.debug(policyTable(reports));
  }

  private adopt(wrapper: Wrapper, prototype: object, methods: Map<string, MethodPolicy>): void {
    const instance: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined;
    if (typeof instance === 'object' && instance !== null && bindingOf(instance) === undefined)
      this.runtime.bind(instance);
    const binding = this.runtime.bindingFor(prototype.constructor);
    for (const [method, policy] of methods) {
      // Made now, so that circuits can be seen and forced before the first call.
      binding.pipeline(policy);
      const resolve = async (): Promise<{ instance: object; policy: MethodPolicy }> => ({
        instance: typeof instance === 'object' && instance !== null ? instance : await this.create(wrapper),
        policy,
      });
      this.runtime.registerTarget(`${prototype.constructor.name}.${method}`, resolve);
    }
  }

  /** Scoped providers are made anew for a redrive, as they would be for a request. */
  private async create(wrapper: Wrapper): Promise<object> {
    return this.moduleRef.resolve<object>(wrapper.token, undefined, { strict: false });
  }
}

/** Metadata keys under which Nest keeps routes, message patterns, WebSocket messages and GraphQL resolvers. */
const HANDLER_METADATA = [NEST_METADATA.path, ...OTHER_TRANSPORTS];

function isHandler(prototype: object, method: string): boolean {
  const handler: unknown = Reflect.get(prototype, method);
  return typeof handler === 'function' && HANDLER_METADATA.some((key) => Reflect.hasMetadata(key, handler));
}

function isScopedFactory(wrapper: Wrapper): boolean {
  return wrapper.isFactory && !wrapper.isDependencyTreeStatic();
}

function prototypeOf(wrapper: Wrapper): object | undefined {
  if (wrapper.isAlias) return undefined;
  const instance: unknown = wrapper.instance;
  if (typeof instance === 'object' && instance !== null && Object.getPrototypeOf(instance) !== Object.prototype) {
    return Object.getPrototypeOf(instance) as object | undefined;
  }
  // What a scoped factory makes is not there yet; a class as its token says what it will be.
  if (isScopedFactory(wrapper))
    return typeof wrapper.token === 'function' ? (wrapper.token.prototype as object | undefined) : undefined;
  return typeof wrapper.metatype === 'function' ? (wrapper.metatype.prototype as object | undefined) : undefined;
}

type Fallbacks = ReadonlyMap<string, readonly FallbackTarget[]>;

function* checkFallbackNames(prototype: object, fallbacks: Fallbacks): Iterable<OptionProblem> {
  for (const [method, targets] of fallbacks) {
    for (const target of targets) {
      if (typeof target !== 'string' || typeof Reflect.get(prototype, target) === 'function') continue;
      yield {
        path: `${prototype.constructor.name}.${method} > @Fallback`,
        value: target,
        allowed: `the name of a method of ${prototype.constructor.name}${didYouMean(target, methodNames(prototype))}`,
      };
    }
  }
}

/** Two methods that rescue each other would do so for ever. */
function* checkFallbackCycles(prototype: object, fallbacks: Fallbacks): Iterable<OptionProblem> {
  for (const start of fallbacks.keys()) {
    const path = [start];
    const visit = (method: string): boolean =>
      (fallbacks.get(method) ?? []).some((target) => {
        if (typeof target !== 'string') return false;
        if (target === start) return true;
        if (path.includes(target)) return false;
        path.push(target);
        return visit(target);
      });
    if (!visit(start)) continue;
    yield {
      path: `${prototype.constructor.name}.${start} > @Fallback`,
      value: [...path, start].join(' -> '),
      allowed: 'fallbacks that do not lead back to the method they rescue',
    };
  }
}

/** `Class.method`: what an overlay is named after. */
const METHOD_NAME = /^[A-Z]\w*\.\w+$/;

function methodNames(prototype: object): string[] {
  const names: string[] = [];
  for (const level of prototypeChain(prototype)) {
    names.push(...Object.getOwnPropertyNames(level).filter((name) => name !== 'constructor'));
  }
  return names;
}

import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';

import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import { nearest } from '../engine/options.js';
import { bindingOf } from './binding.js';
import { methodPoliciesOf, type MethodPolicy, prototypeChain } from './method-policy.js';
import { describeOverride, overriddenMethods } from './overridden-methods.js';
import { policyTable } from './policy-table.js';
import { ResilienceRuntime } from './resilience.runtime.js';
import { ResilienceService } from './resilience.service.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Looks over the application once at boot: checks what only the whole class can show (names of fallbacks), binds what
 * factories made, remembers where redriven calls go, and says what protects what and which declarations cannot be reached.
 */
@Injectable()
export class ResilienceExplorer implements OnModuleInit {
  private readonly logger = new Logger('Resilience');

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
      problems.push(...checkFallbackNames(prototype, methods), ...checkFallbackCycles(prototype, methods));
      if (isScopedFactory(wrapper)) this.warnOfFactory(wrapper, prototype, methods);
      else this.adopt(wrapper, prototype, methods);
    }
    if (problems.length > 0) throw new ResilienceOptionsError(problems);
    this.warnOfOverrides(prototypes);
    this.logTable();
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
    if (!Logger.isLevelEnabled('debug')) return;
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

function* checkFallbackNames(prototype: object, methods: Map<string, MethodPolicy>): Iterable<OptionProblem> {
  for (const [method, policy] of methods) {
    for (const { target } of policy.declared.fallback ?? []) {
      if (typeof target !== 'string' || typeof Reflect.get(prototype, target) === 'function') continue;
      const near = nearest(target, methodNames(prototype));
      yield {
        path: `${prototype.constructor.name}.${method} > @Fallback`,
        value: target,
        allowed: `the name of a method of ${prototype.constructor.name}${near === undefined ? '' : ` (did you mean '${near}'?)`}`,
      };
    }
  }
}

/** Two methods that rescue each other would do so for ever. */
function* checkFallbackCycles(prototype: object, methods: Map<string, MethodPolicy>): Iterable<OptionProblem> {
  for (const start of methods.keys()) {
    const path = [start];
    const visit = (method: string): boolean =>
      (methods.get(method)?.declared.fallback ?? []).some(({ target }) => {
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

function methodNames(prototype: object): string[] {
  const names: string[] = [];
  for (const level of prototypeChain(prototype)) {
    names.push(...Object.getOwnPropertyNames(level).filter((name) => name !== 'constructor'));
  }
  return names;
}

import type { ResolvedDeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import { Pipeline } from '../engine/pipeline.js';
import { ResilienceError } from '../engine/errors.js';
import type { PolicyRegistry } from '../policy/policy-registry.js';
import { type Binding, BINDING_SOURCE, type BindingSource, setBinding } from './binding.js';
import type { MethodPolicy } from './method-policy.js';

/** Finds the instance that a redriven call runs on. */
export type TargetResolver = () => Promise<{ readonly instance: object; readonly policy: MethodPolicy }>;

/** The policies of one application: injected into every decorated class, it binds the instance to them. */
export class ResilienceRuntime implements BindingSource {
  readonly [BINDING_SOURCE] = true;
  private readonly byClass = new Map<NewableFunction, ClassBinding>();
  private readonly deadLetterOptions = new Map<string, ResolvedDeadLetterOptions>();
  private readonly targets = new Map<string, TargetResolver>();

  constructor(readonly registry: PolicyRegistry) {}

  /** Ties an instance that Nest could not inject into (a request-scoped factory's) to this application. */
  bind(instance: object): void {
    setBinding(instance, this.bindingFor(instance.constructor));
  }

  bindingFor(type: NewableFunction): ClassBinding {
    let binding = this.byClass.get(type);
    if (binding === undefined) this.byClass.set(type, (binding = new ClassBinding(type.name, this.registry)));
    return binding;
  }

  /** Every method of this application that is protected, as far as its class is known: at boot, or when first called. */
  *protectedMethods(): Iterable<{ readonly name: string; readonly policy: MethodPolicy }> {
    for (const binding of this.byClass.values()) yield* binding.methods();
  }

  rememberDeadLetterOptions(target: string, options: ResolvedDeadLetterOptions): void {
    this.deadLetterOptions.set(target, options);
  }

  /** How the arguments of a method's dead letters are stored. */
  deadLetterOptionsOf(target: string): ResolvedDeadLetterOptions | undefined {
    return this.deadLetterOptions.get(target);
  }

  registerTarget(name: string, resolve: TargetResolver): void {
    this.targets.set(name, resolve);
  }

  hasTarget(name: string): boolean {
    return this.targets.has(name);
  }

  /** Calls a method again, through its whole pipeline, for a dead letter that exists already. */
  async replay(target: string, args: unknown[]): Promise<unknown> {
    const resolve = this.targets.get(target);
    if (resolve === undefined) {
      throw new ResilienceError(
        `No provider of this application has a protected method '${target}'; known: ${[...this.targets.keys()].sort().join(', ') || 'none'}`,
        'RESILIENCE_DEAD_LETTER_TARGET',
        target,
      );
    }
    const { instance, policy } = await resolve();
    const binding = this.bindingFor(instance.constructor);
    return binding.pipeline(policy).replay(policy.original, instance, args);
  }
}

/** One class in one application. Two subclasses of a decorated base have circuits of their own. */
class ClassBinding implements Binding {
  private readonly pipelines = new Map<MethodPolicy, Pipeline>();

  constructor(
    private readonly className: string,
    private readonly registry: PolicyRegistry,
  ) {}

  pipeline(policy: MethodPolicy): Pipeline {
    let pipeline = this.pipelines.get(policy);
    if (pipeline === undefined) {
      pipeline = new Pipeline(
        this.registry.build(this.nameOf(policy), policy.declared, policy.attemptIndex),
        policy.kind,
      );
      this.pipelines.set(policy, pipeline);
    }
    return pipeline;
  }

  *methods(): Iterable<{ readonly name: string; readonly policy: MethodPolicy }> {
    for (const policy of this.pipelines.keys()) yield { name: this.nameOf(policy), policy };
  }

  private nameOf(policy: MethodPolicy): string {
    return `${this.className}.${policy.methodName}`;
  }
}

import type { ResolvedDeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import type { DeadLetterSink, FailedCall } from '../engine/dead-letter-sink.js';
import { didYouMean } from '../engine/did-you-mean.js';
import { Pipeline } from '../engine/pipeline.js';
import { type OptionProblem, ResilienceError, ResilienceOptionsError } from '../engine/errors.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { collect, refuseToBuild } from '../policy/policy.options.js';
import type { PolicyRegistry } from '../policy/policy-registry.js';
import { type Binding, BINDING_SOURCE, type BindingSource, setBinding } from './binding.js';
import type { MethodPolicy } from './method-policy.js';
import { type EffectivePolicy, PolicyBook } from './policy-book.js';

/** Finds the instance that a redriven call runs on. */
export type TargetResolver = () => Promise<{ readonly instance: object; readonly policy: MethodPolicy }>;

/** The policies of one application: injected into every decorated class, it binds the instance to them. */
export class ResilienceRuntime implements BindingSource {
  readonly [BINDING_SOURCE] = true;
  private readonly byClass = new Map<NewableFunction, ClassBinding>();
  private readonly sinks = new Map<
    string,
    { readonly options: ResolvedDeadLetterOptions; readonly sink: DeadLetterSink }
  >();
  private readonly targets = new Map<string, TargetResolver>();

  constructor(
    readonly registry: PolicyRegistry,
    private book: PolicyBook = new PolicyBook(),
  ) {}

  get policies(): PolicyBook {
    return this.book;
  }

  /** Ties an instance that Nest could not inject into (a request-scoped factory's) to this application. */
  bind(instance: object): void {
    setBinding(instance, this.bindingFor(instance.constructor));
  }

  bindingFor(type: NewableFunction): ClassBinding {
    let binding = this.byClass.get(type);
    if (binding === undefined) this.byClass.set(type, (binding = new ClassBinding(type.name, this)));
    return binding;
  }

  /** Every method of this application that is protected, as far as its class is known: at boot, or when first called. */
  *protectedMethods(): Iterable<ProtectedMethod> {
    for (const binding of this.byClass.values()) yield* binding.methods();
  }

  /**
   * Takes other policies for methods that are running: those that began keep what they had, those that come get the new ones.
   * @throws ResilienceOptionsError and changes nothing when any of it is not usable
   */
  reconfigure(book: PolicyBook): void {
    const problems: OptionProblem[] = [];
    const changes = [...this.byClass.values()].flatMap((binding) => binding.prepare(book, problems));
    if (problems.length > 0) throw new ResilienceOptionsError(problems);
    this.book = book;
    for (const change of changes) change();
  }

  rememberSink(target: string, options: ResolvedDeadLetterOptions, sink: DeadLetterSink): void {
    this.sinks.set(target, { options, sink });
  }

  /** How the arguments of a method's dead letters are stored. */
  deadLetterOptionsOf(target: string): ResolvedDeadLetterOptions | undefined {
    return this.sinks.get(target)?.options;
  }

  registerTarget(name: string, resolve: TargetResolver): void {
    this.targets.set(name, resolve);
  }

  /** Whether a dead letter may call this method: one that keeps none is called by nobody but the application. */
  hasTarget(name: string): boolean {
    if (!this.targets.has(name)) return false;
    for (const known of this.deadLettered()) if (known === name) return true;
    return false;
  }

  /** Whether the circuit in the way of this call is closed, or whether there is none. */
  mayCall(target: string, args: readonly unknown[]): boolean {
    for (const { name, effective } of this.protectedMethods()) {
      const breaker = name === target ? effective.resolved.circuitBreaker : undefined;
      if (breaker === undefined) continue;
      const circuits = breaker.name ?? effective.sharedName ?? name;
      const circuit =
        breaker.key === undefined ? circuits : `${circuits}[${String(breaker.key(...(args as never[])))}]`;
      for (const known of this.registry.states.circuitBreaker.all())
        if (known.name === circuit && REFUSING.has(known.state)) return false;
    }
    return true;
  }

  /** Makes a dead letter of a call that failed outside of its pipeline. */
  async keep(call: FailedCall): Promise<string | undefined> {
    const known = this.hasTarget(call.target) ? this.sinks.get(call.target) : undefined;
    if (known === undefined) throw this.noTarget(call.target);
    return known.sink.store(call);
  }

  /** Calls a method again, through its whole pipeline, for a dead letter that exists already. */
  async replay(target: string, args: unknown[]): Promise<unknown> {
    const resolve = this.hasTarget(target) ? this.targets.get(target) : undefined;
    if (resolve === undefined) throw this.noTarget(target);
    const { instance, policy } = await resolve();
    const binding = this.bindingFor(instance.constructor);
    return binding.pipeline(policy).replay(policy.original, instance, args);
  }

  private noTarget(target: string): ResilienceError {
    const known = [...new Set(this.deadLettered())].sort();
    return new ResilienceError(
      `No provider of this application has a method '${target}' with @DeadLetter${didYouMean(target, known)}; ` +
        `known: ${known.join(', ') || 'none'}`,
      'RESILIENCE_DEAD_LETTER_TARGET',
      target,
    );
  }

  /** Methods that keep dead letters, by what is configured now. */
  private *deadLettered(): Iterable<string> {
    for (const { name, effective } of this.protectedMethods())
      if (effective.resolved.deadLetter !== undefined) yield name;
  }
}

/** Also those that admit only a few calls: these belong to people who wait for an answer. */
const REFUSING: ReadonlySet<string> = new Set(['open', 'half_open', 'recovering', 'forced_open']);

/** A method and what is in effect for it. */
export interface ProtectedMethod {
  readonly name: string;
  readonly policy: MethodPolicy;
  readonly effective: EffectivePolicy;
}

/** One class in one application. Two subclasses of a decorated base have circuits of their own. */
class ClassBinding implements Binding {
  private readonly pipelines = new Map<MethodPolicy, { readonly pipeline: Pipeline; effective: EffectivePolicy }>();

  constructor(
    private readonly className: string,
    private readonly runtime: Pick<ResilienceRuntime, 'registry' | 'policies'>,
  ) {}

  pipeline(policy: MethodPolicy): Pipeline {
    let known = this.pipelines.get(policy);
    if (known === undefined) {
      const effective = this.runtime.policies.effective(policy, this.nameOf(policy));
      known = { pipeline: new Pipeline(this.build(policy, effective), policy.kind), effective };
      this.pipelines.set(policy, known);
    }
    return known.pipeline;
  }

  *methods(): Iterable<ProtectedMethod> {
    for (const [policy, { effective }] of this.pipelines) yield { name: this.nameOf(policy), policy, effective };
  }

  /** Checks what other policies would mean for each method. @returns what puts them into effect */
  prepare(book: PolicyBook, problems: OptionProblem[]): (() => void)[] {
    return [...this.pipelines].flatMap(([policy, known]) => {
      const name = this.nameOf(policy);
      const next = collect(problems, () => {
        const effective = book.effective(policy, name);
        refuseToBuild(effective.resolved, name);
        return effective;
      });
      if (next === undefined) return [];
      return () => {
        known.pipeline.use(this.build(policy, next, known.effective));
        known.effective = next;
      };
    });
  }

  private build(
    policy: MethodPolicy,
    { resolved, sharedName }: EffectivePolicy,
    before?: EffectivePolicy,
  ): PipelineParts {
    const { attemptIndex } = policy;
    return this.runtime.registry.build(this.nameOf(policy), resolved, {
      attemptIndex,
      sharedName,
      before: before?.resolved,
    });
  }

  private nameOf(policy: MethodPolicy): string {
    return `${this.className}.${policy.methodName}`;
  }
}

import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import { didYouMean } from '../engine/did-you-mean.js';
import { overlay, withDefault } from '../policy/overlay.js';
import {
  collect,
  POLICIES,
  type Policies,
  POLICY_KINDS,
  type PolicyKind,
  type PolicyOptions,
  readPolicy,
  readPolicyOptions,
  type ResolvedPolicy,
} from '../policy/policy.options.js';
import type { MethodPolicy } from './method-policy.js';

/**
 * Where a policy of a method comes from: a decorator on it, one on its class, a policy named in `@Resilient('name')`, or
 * `forRoot({ policies: { 'Class.method': ... } })` laid over any of those.
 */
export type PolicySource = 'method' | 'class' | 'named' | 'overlay';

/** What is in effect for one method of one application. */
export interface EffectivePolicy {
  readonly resolved: ResolvedPolicy;
  readonly sources: Readonly<Partial<Record<PolicyKind, PolicySource>>>;
  /** Name of the state that methods with one named policy share: circuit, permits, retry budget. */
  readonly sharedName: string | undefined;
}

export type NamedPolicies = Readonly<Record<string, PolicyOptions>>;

/** The policies that an application configures by name, and the defaults of its decorators. */
export class PolicyBook {
  constructor(
    readonly named: NamedPolicies = {},
    private readonly defaults: Policies = {},
  ) {}

  /** The same book with other policies under these names. */
  with(policies: NamedPolicies): PolicyBook {
    return new PolicyBook({ ...this.named, ...policies }, this.defaults);
  }

  /** @throws ResilienceOptionsError when no policy has that name */
  policy(name: string, path = `@Resilient('${name}')`): PolicyOptions {
    const policy = Object.hasOwn(this.named, name) ? this.named[name] : undefined;
    if (policy !== undefined) return policy;
    const names = Object.keys(this.named);
    throw new ResilienceOptionsError([
      {
        path,
        value: name,
        allowed: `a policy of ResilienceModule.forRoot({ policies })${didYouMean(name, names)}; known: ${names.join(', ') || 'none'}`,
      },
    ]);
  }

  /** A policy for functions, with the application's defaults. */
  resolve(name: string): ResolvedPolicy {
    const options = { ...this.policy(name) };
    for (const kind of POLICY_KINDS) Object.assign(options, { [kind]: this.withDefaults(kind, options[kind]) });
    return readPolicyOptions(options, name);
  }

  /** @throws ResilienceOptionsError with every problem that only the whole of it shows */
  effective(method: MethodPolicy, name: string): EffectivePolicy {
    const over = Object.hasOwn(this.named, name) ? this.named[name] : undefined;
    const untouched = over === undefined && method.named.method === undefined && method.named.class === undefined;
    if (untouched && Object.keys(this.defaults).length === 0)
      return { resolved: method.declared, sources: method.sources, sharedName: undefined };
    const problems: OptionProblem[] = [];
    const resolved: { -readonly [K in PolicyKind]?: ResolvedPolicy[K] } = {};
    const sources: Partial<Record<PolicyKind, PolicySource>> = {};
    for (const kind of POLICY_KINDS) {
      const origin = collect(problems, () => this.originOf(method, name, kind));
      const input = overlay(kind, this.withDefaults(kind, origin?.input), over?.[kind]);
      if (input === undefined || input === false) continue;
      sources[kind] = over?.[kind] === undefined ? (origin?.source ?? 'overlay') : 'overlay';
      const given = input === true ? undefined : input;
      Object.assign(resolved, { [kind]: collect(problems, () => readPolicy(kind, given, `${name} > ${kind}`)) });
    }
    if (problems.length > 0) throw new ResilienceOptionsError(problems);
    return { resolved, sources, sharedName: method.named.method ?? method.named.class };
  }

  /** What is nearest to the method wins: its own decorator, its `@Resilient('name')`, then the same two of the class. */
  private originOf<K extends PolicyKind>(
    method: MethodPolicy,
    name: string,
    kind: K,
  ): { readonly input: Policies[K]; readonly source: PolicySource } | undefined {
    for (const level of ['method', 'class'] as const) {
      if (method.sources[kind] === level) return { input: method.inputs[kind], source: level };
      const policyName = method.named[level];
      if (policyName === undefined) continue;
      const input = this.policy(policyName, `${name} > @Resilient`)[kind];
      if (input === undefined) continue;
      const owned = POLICIES[kind].shared ? withDefault(kind, input, 'name', policyName) : input;
      return { input: owned, source: 'named' };
    }
    return undefined;
  }

  private withDefaults<K extends PolicyKind>(kind: K, input: Policies[K]): Policies[K] {
    return input === undefined || input === false ? input : overlay(kind, this.defaults[kind], input);
  }
}

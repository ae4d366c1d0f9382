import type { ResolvedDeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import { CallStats } from '../engine/call-stats.js';
import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import type { Figure } from '../engine/figure.js';
import { Permits } from '../engine/permits.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { PolicyBuild } from '../engine/policy-descriptor.js';
import { ofName } from '../engine/shared-state.js';
import {
  type AnyPolicy,
  DESCRIPTORS,
  POLICIES,
  POLICY_KINDS,
  type PolicyKind,
  type ResolvedPolicy,
} from './policy.options.js';

export interface PolicyRegistryParts {
  readonly context: PolicyContext;
  /** Makes the sink of one method's dead letters. */
  readonly deadLetters: (options: ResolvedDeadLetterOptions, target: string) => DeadLetterSink;
  /** Told when two declarations of one circuit or cache disagree (the first one wins), and what a policy cannot do. */
  readonly warn?: (message: string) => void;
}

export interface BuildOptions {
  /** Index of the parameter that takes the attempt, -1 for none. */
  readonly attemptIndex: number;
  /** Whose retry budget it is, when methods share a named policy. @default the method's own */
  readonly sharedName?: string | undefined;
  /** What was in effect until now, when a running application is reconfigured. */
  readonly before?: ResolvedPolicy | undefined;
}

type States = { readonly [K in PolicyKind]: ReturnType<(typeof POLICIES)[K]['state']> };
type StageOf<K extends PolicyKind> = ReturnType<(typeof POLICIES)[K]['stage']>;

const PERMITS = DESCRIPTORS.filter(({ layers }) => layers.some(({ slot }) => slot === 'permit'));

/** The state behind all policies of one application: circuits, retry budgets and statistics, by name. */
export class PolicyRegistry {
  readonly stats = new Map<string, CallStats>();
  /** What each kind of policy keeps. */
  readonly states = Object.fromEntries(POLICY_KINDS.map((kind) => [kind, POLICIES[kind].state()])) as unknown as States;

  constructor(private readonly parts: PolicyRegistryParts) {}

  get context(): PolicyContext {
    return this.parts.context;
  }

  /** Same clock, events and dead letters, but state of its own that nobody lists. */
  detached(): PolicyRegistry {
    return new PolicyRegistry(this.parts);
  }

  /** Makes the policies of one call ready to run. What carries state is shared with others of the same name. */
  build(name: string, policy: ResolvedPolicy, options: BuildOptions): PipelineParts {
    const stage = this.stages(name, policy, options);
    return {
      name,
      context: this.context,
      stats: ofName(this.stats, name, () => new CallStats()),
      attemptIndex: options.attemptIndex,
      deadLetter: stage('deadLetter'),
      fallback: stage('fallback'),
      cache: stage('cache'),
      coalesce: stage('coalesce'),
      timeout: stage('timeout'),
      retry: stage('retry'),
      hedge: stage('hedge'),
      breakers: stage('circuitBreaker'),
      permits: Permits.of(...PERMITS.map(({ kind }) => stage(kind) as StageOf<'bulkhead'>)),
      chaos: stage('chaos'),
    };
  }

  /** What the policies count. */
  figures(): Figure[] {
    return DESCRIPTORS.flatMap(({ kind, figures }) => figures?.(this.states[kind]) ?? []);
  }

  /** Makes the stage of each kind that is configured. */
  private stages(name: string, policy: ResolvedPolicy, { attemptIndex, sharedName = name, before }: BuildOptions) {
    const { context, deadLetters, warn } = this.parts;
    const judges = DESCRIPTORS.flatMap(({ kind, refusesResult }) => {
      const resolved = policy[kind];
      return (resolved && refusesResult?.(resolved)) ?? [];
    }).filter((judge) => judge !== undefined);
    const refusesResult =
      judges.length === 0 ? undefined : (value: unknown) => judges.some((refuses) => refuses(value));
    const common = { name, sharedName, attemptIndex, context, refusesResult, deadLetters, warn };
    return <K extends PolicyKind>(kind: K): StageOf<K> => {
      const resolved = policy[kind];
      if (resolved === undefined) return undefined as StageOf<K>;
      const build = { ...common, state: this.states[kind], before: before?.[kind] } as PolicyBuild<object, unknown>;
      return (POLICIES[kind] as AnyPolicy).stage(resolved, build) as StageOf<K>;
    };
  }
}

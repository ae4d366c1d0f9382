import type { PolicyKind, ResolvedPolicy } from '../policy/policy.options.js';
import type { PolicySource } from './policy-book.js';
import { type PlainOptions, plainOptions } from './plain-options.js';

/** A policy as a layer around the method; a timeout is two of them. */
export type PolicyLayerName =
  | 'DeadLetter'
  | 'Fallback'
  | 'Cache'
  | 'Coalesce'
  | 'TotalTimeout'
  | 'Retry'
  | 'Hedge'
  | 'CircuitBreaker'
  | 'RateLimit'
  | 'Bulkhead'
  | 'AttemptTimeout'
  | 'Chaos';

export interface PolicyLayer {
  readonly policy: PolicyLayerName;
  /** A decorator on the method, one on its class, a named policy, or `forRoot({ policies })` laid over those. */
  readonly source: PolicySource;
  /** In effect, defaults included. Durations in ms, functions as `function name`, matchers by name; what is not set is missing. */
  readonly options: PlainOptions;
}

/** What protects one method, or what one named policy consists of. Safe to write as JSON. */
export interface PolicyReport {
  /** `Class.method`, or the name in `forRoot({ policies })`. */
  readonly name: string;
  /** The class that declares it, when a subclass inherits; `null` for a named policy. */
  readonly declaredIn: string | null;
  /** Outermost first; only what is configured. */
  readonly layers: readonly PolicyLayer[];
}

interface Layer<K extends PolicyKind> {
  readonly kind: K;
  readonly policy: PolicyLayerName;
  /** `undefined`: this layer does nothing with these options. */
  readonly options: (resolved: NonNullable<ResolvedPolicy[K]>) => object | undefined;
}

const layer = <K extends PolicyKind>(
  kind: K,
  policy: PolicyLayerName,
  options: Layer<K>['options'] = (resolved) => resolved,
): Layer<K> => ({ kind, policy, options });

/** The order in which the pipeline nests, outermost first. */
const LAYERS = [
  layer('deadLetter', 'DeadLetter'),
  layer('fallback', 'Fallback', (entries) => ({
    targets: entries.map(({ target, on, priority }) => ({
      use: typeof target === 'object' ? 'value' : target,
      on,
      priority,
    })),
  })),
  layer('cache', 'Cache'),
  layer('coalesce', 'Coalesce'),
  layer('timeout', 'TotalTimeout', ({ total }) => (total === Infinity ? undefined : { total })),
  layer('retry', 'Retry'),
  layer('hedge', 'Hedge'),
  layer('circuitBreaker', 'CircuitBreaker'),
  layer('rateLimit', 'RateLimit'),
  layer('bulkhead', 'Bulkhead'),
  layer('timeout', 'AttemptTimeout', ({ total: _total, ...attempt }) =>
    [attempt.each, attempt.firstItem ?? Infinity, attempt.idle].every((limit) => limit === Infinity)
      ? undefined
      : attempt,
  ),
  layer('chaos', 'Chaos', ({ disturbance, until, enabled, ...rest }) =>
    enabled === false
      ? undefined
      : {
          ...rest,
          [disturbance.kind]: disturbance.kind === 'latency' ? [disturbance.min, disturbance.max] : true,
          enabled,
          until: until === undefined ? undefined : new Date(until).toISOString(),
        },
  ),
] as const;

type Listed = (typeof LAYERS)[number]['kind'];
/** A kind of policy that is missing in {@link LAYERS} does not compile. */
type Declared = { readonly [K in PolicyKind]?: K extends Listed ? ResolvedPolicy[K] : never };

/** @param sourceOf where each kind of policy was written */
export function layersOf(declared: Declared, sourceOf: (kind: PolicyKind) => PolicyLayer['source']): PolicyLayer[] {
  return LAYERS.flatMap((one) => {
    const { kind, policy, options } = one as Layer<PolicyKind>;
    const resolved = declared[kind];
    const shown = resolved && options(resolved);
    return shown === undefined ? [] : [{ policy, source: sourceOf(kind), options: plainOptions(shown) }];
  });
}

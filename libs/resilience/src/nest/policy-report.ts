import { SLOTS } from '../engine/policy-descriptor.js';
import { DESCRIPTORS, type PolicyKind, type PolicyLayerName, type ResolvedPolicy } from '../policy/policy.options.js';
import type { PolicySource } from './policy-book.js';
import { type PlainOptions, plainOptions } from './plain-options.js';

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

/** Every layer that there can be, outermost first. */
const LAYERS = SLOTS.flatMap((slot) =>
  DESCRIPTORS.flatMap(({ kind, layers }) =>
    layers.filter((layer) => layer.slot === slot).map((layer) => ({ kind, ...layer })),
  ),
);

/** The options of each layer that a person looks for first. */
export const SHOWN: ReadonlyMap<PolicyLayerName, readonly string[]> = new Map(
  LAYERS.map(({ name, shows }) => [name, shows]),
);

/** @param sourceOf where each kind of policy was written */
export function layersOf(
  declared: ResolvedPolicy,
  sourceOf: (kind: PolicyKind) => PolicyLayer['source'],
): PolicyLayer[] {
  return LAYERS.flatMap(({ kind, name, view }) => {
    const resolved = declared[kind];
    const shown = resolved && (view ? view(resolved) : resolved);
    return shown === undefined ? [] : [{ policy: name, source: sourceOf(kind), options: plainOptions(shown) }];
  });
}

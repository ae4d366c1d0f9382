import { classifyError, type PolicyOptions, policySchemas } from '@nest-resilience/core';
import { compileExpression, type Expression } from '../expression/expression.js';
import type { NodePolicies } from './draft.js';
import { keyOfCall, type KeyedPolicy, KEYED_POLICIES, needsKey } from './policy-keys.js';

/** Policies as the engine takes them, and how to make their keys. */
export interface CompiledPolicies {
  readonly options: Omit<PolicyOptions, 'name'>;
  /** Policies that want a key for each call. */
  readonly keys: ReadonlyMap<KeyedPolicy, CallKey>;
}

/** `scope`: everything the node sees makes the key. */
export type CallKey = Expression | ((input: never) => string | undefined) | 'scope';

export const NO_POLICIES: CompiledPolicies = { options: {}, keys: new Map() };

export const NODE_POLICIES = Object.keys(policySchemas()) as readonly (keyof NodePolicies)[];

/** Options that take errors. Files cannot hold functions: there they are lists of words. */
export const ERROR_OPTIONS = ['retryOn', 'abortOn', 'recordOn', 'ignoreOn', 'staleOn'] as const;

/** @throws ExpressionSyntaxError for a key that cannot be read */
export function compilePolicies(policies: NodePolicies): CompiledPolicies {
  const options: Record<string, unknown> = {};
  const keys = new Map<KeyedPolicy, CallKey>();
  for (const kind of NODE_POLICIES) {
    const written: unknown = policies[kind];
    if (written === undefined || written === false) continue;
    const value = kind === 'retry' && typeof written === 'number' ? { maxRetries: written } : withMatchers(written);
    const keyed = KEYED_POLICIES.find((name) => name === kind);
    const key = keyed && callKey(keyed, value);
    if (!keyed || !key) {
      options[kind] = value;
      continue;
    }
    keys.set(keyed, key);
    const rest = typeof value === 'object' ? value : keyed === 'cache' ? { ttl: value } : {};
    options[kind] = { ...rest, key: keyOfCall(keyed) };
  }
  return { options, keys };
}

function callKey(policy: KeyedPolicy, value: unknown): CallKey | undefined {
  const { key } = (typeof value === 'object' && value !== null ? value : {}) as { key?: unknown };
  if (typeof key === 'string') return compileExpression(key);
  if (typeof key === 'function') return key as (input: never) => string | undefined;
  return key === undefined && needsKey(policy) ? 'scope' : undefined;
}

function withMatchers(options: unknown): unknown {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options;
  const entries = Object.entries(options).map(([key, value]: [string, unknown]) => [
    key,
    (ERROR_OPTIONS as readonly string[]).includes(key) ? matcher(value) : value,
  ]);
  return Object.fromEntries(entries) as object;
}

/** `['rate_limit', 'transient', 'TypeError']`: matches the classifier's reason or kind, the error's name or code. */
function matcher(value: unknown): unknown {
  const words: unknown[] = Array.isArray(value) ? value : [value];
  if (!words.every((word) => typeof word === 'string')) return value;
  return (error: unknown): boolean => {
    const { kind, reason } = classifyError(error);
    const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
    return words.some((word) => word === reason || word === kind || word === name || word === code);
  };
}

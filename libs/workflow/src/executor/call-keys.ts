import type { Scope } from '../expression/expression.js';
import { textOf } from '../expression/text-of.js';
import type { CompiledPolicies } from '../graph/policies.js';
import type { CallKeys, KeyedPolicy } from '../graph/policy-keys.js';
import { hashOf } from '../graph/version.js';

/** Makes the keys that the policies of one call ask for. A key that comes to nothing means "keep nothing for this call". */
export async function callKeys({ keys }: CompiledPolicies, scope: Scope, input: unknown): Promise<CallKeys> {
  const made = new Map<KeyedPolicy, string | undefined>();
  for (const [policy, key] of keys) {
    if (key === 'scope') made.set(policy, hashOf({ scope, input }));
    else if (typeof key === 'function') made.set(policy, key(input as never));
    else made.set(policy, textOf(await key.evaluate(scope)) || undefined);
  }
  return made;
}

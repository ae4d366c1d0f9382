import { methodPolicyOf, type MethodPolicy, prototypeChain } from './method-policy.js';

/** A method that instances run instead of the decorated one they inherit. */
export interface OverriddenMethod {
  /** The class whose method runs. */
  readonly by: string;
  readonly method: string;
  readonly policy: MethodPolicy;
}

/** Decorated methods that a call on instances of this class no longer reaches. */
export function* overriddenMethods(prototype: object): Iterable<OverriddenMethod> {
  const plain = new Map<string, string>();
  const settled = new Set<string>();
  for (const level of prototypeChain(prototype)) {
    for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (method === 'constructor' || settled.has(method)) continue;
      const policy = methodPolicyOf(value);
      if (policy === undefined) {
        if (!plain.has(method)) plain.set(method, level.constructor.name);
        continue;
      }
      settled.add(method);
      const by = plain.get(method);
      if (by !== undefined) yield { by, method, policy };
    }
  }
}

/** The warning about it. */
export function describeOverride({ by, method, policy }: OverriddenMethod): string {
  const decorators = Object.keys(policy.sources).map((kind) => `@${kind.charAt(0).toUpperCase()}${kind.slice(1)}`);
  if (Object.keys(policy.named).length > 0) decorators.push('@Resilient');
  return (
    `${by}.${method} overrides ${policy.className}.${method}, which is decorated with ${decorators.join(', ')}, without ` +
    `decorators: its own body runs plain, only what it calls with super.${method}() is protected. Decorate the override, or remove it`
  );
}

import { ResilienceOptionsError } from '../engine/errors.js';
import * as option from '../engine/option/index.js';
import { type Policies, POLICY_KINDS, type ResolvedPolicy, SWITCHES } from '../policy/policy.options.js';
import { declaring } from './policy-decorator.js';

const OPTIONS = option.options({
  ...SWITCHES,
  name: option.custom<never, never>((value, at) =>
    at.refuse(value, 'no name here: a circuit has its own, circuitBreaker: { name }'),
  ),
});

/**
 * All policies of a method in one decorator, or those that `ResilienceModule.forRoot({ policies })` has under a name: circuit,
 * permits and retry budget are then shared by all methods that use the name, and can be changed while the application runs.
 * A decorator of its own (`@Retry` beside `@Resilient('llm')`) replaces that one policy of the named ones.
 * On a class: on each of its own public methods; what a method declares itself wins.
 * @throws ResilienceOptionsError with the problems of all policies; an unknown name is refused at boot
 * @example `@Resilient({ retry: 2, timeout: '5s', circuitBreaker: true, fallback: 'fromCache' })`
 * @example `@Resilient('llm')`
 */
export function Resilient(policies: Policies | string): MethodDecorator & ClassDecorator {
  if (typeof policies === 'string') {
    return declaring('Resilient', (method, path, level) => {
      if (policies === '') refuse(path, policies);
      method().addNamed(policies, level);
    });
  }
  return declaring('Resilient', (method, path, level, key) => {
    const resolved = option.read<unknown, ResolvedPolicy>(OPTIONS, policies, path);
    const kinds = POLICY_KINDS.filter((kind) => resolved[kind] !== undefined);
    if (kinds.length === 0) refuse(path, policies);
    for (const kind of kinds) {
      // On a class: a fallback falling back to itself would never end.
      const itself = kind === 'fallback' && resolved.fallback?.some(({ target }) => target === key) === true;
      if (level === 'class' && itself) continue;
      method().add(kind, 'Resilient', { input: policies[kind], resolved: resolved[kind] }, level);
    }
  });
}

function refuse(path: string, value: unknown): never {
  throw new ResilienceOptionsError([
    { path, value, allowed: 'the name of a policy, or options with at least one of ' + POLICY_KINDS.join(', ') },
  ]);
}

import type { StepContext } from '../graph/step-context.js';
import { didYouMean } from '@nest-resilience/core/kit';

/** A function that `call` nodes name: gets the node's input and the step's context. */
export type WorkflowHandler = (input: never, context: StepContext) => unknown;

/** A provider, looked up when it is called: its instance may be replaced or made late. */
export interface NamedProvider {
  readonly name: string;
  readonly methods: readonly string[];
  /** Made anew for each request or injection: there is no one instance to call. */
  readonly scoped: boolean;
  instance(): object | undefined;
}

/** Finds what `call: 'Class.method'` and `call: handler` mean. */
export class HandlerTable {
  constructor(
    private readonly handlers: Readonly<Record<string, WorkflowHandler>>,
    private readonly providers: () => readonly NamedProvider[],
  ) {}

  /** Why a target cannot be called, `undefined` if it can. */
  problem(target: string): string | undefined {
    if (Object.hasOwn(this.handlers, target)) return undefined;
    const [name = '', method, ...rest] = target.split('.');
    const own = Object.keys(this.handlers);
    if (method === undefined || rest.length > 0) {
      return `calls '${target}', which is no registered handler${didYouMean(target, own)}${own.length > 0 ? `; known: ${own.join(', ')}` : ''}; a method is written 'Class.method'`;
    }
    const named = this.providers().filter((provider) => provider.name === name);
    const [provider] = named;
    if (!provider)
      return `calls '${target}', but no provider of class '${name}' is registered${didYouMean(
        name,
        this.providers().map((other) => other.name),
      )}`;
    if (named.length > 1)
      return `calls '${target}', but ${named.length} providers are of a class '${name}'; register a handler instead`;
    if (provider.scoped)
      return `calls '${target}', but '${name}' is request- or transient-scoped; workflows run outside of requests`;
    if (!provider.methods.includes(method))
      return `calls '${target}', but '${name}' has no method '${method}'${didYouMean(method, provider.methods)}`;
    return undefined;
  }

  resolve(target: string): (input: unknown, context: StepContext) => unknown {
    const handler = Object.hasOwn(this.handlers, target) ? this.handlers[target] : undefined;
    if (handler) return handler as (input: unknown, context: StepContext) => unknown;
    const [name, method = ''] = target.split('.');
    const instance = this.providers()
      .find((provider) => provider.name === name)
      ?.instance() as Record<string, unknown> | undefined;
    const found = instance?.[method];
    if (!instance || typeof found !== 'function')
      throw new Error(this.problem(target) ?? `'${target}' is not ready to be called`);
    // Called as a method: policies declared on it are in effect.
    return (input, context) => found.call(instance, input, context) as unknown;
  }
}

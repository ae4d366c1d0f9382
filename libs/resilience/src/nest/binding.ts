import type { Pipeline } from '../engine/pipeline.js';
import { sharedSymbol, sharedValue } from './copies.js';
import type { MethodPolicy } from './method-policy.js';

/** Ties the instances of one class in one application to that application's policies. */
export interface Binding {
  pipeline(policy: MethodPolicy): Pipeline;
}

/** What is injected into decorated classes; recognised by its brand, so that a test's mock object is not taken for it. */
export interface BindingSource {
  readonly [BINDING_SOURCE]: true;
  bind(instance: object): void;
}

export const BINDING_SOURCE: unique symbol = sharedSymbol('binding-source') as never;

/**
 * Held weakly and outside the instance: nothing is added to a user's object, frozen ones work, two applications stay apart.
 * Shared, because the copy of this package whose module is imported binds, and the copy that decorated the class asks.
 */
const bindings = sharedValue('bindings', () => new WeakMap<object, Binding>());

export function bindingOf(instance: unknown): Binding | undefined {
  return typeof instance === 'object' && instance !== null ? bindings.get(instance) : undefined;
}

export function setBinding(instance: object, binding: Binding): void {
  bindings.set(instance, binding);
}

export function isBindingSource(value: unknown): value is BindingSource {
  return typeof value === 'object' && value !== null && (value as Partial<BindingSource>)[BINDING_SOURCE] === true;
}

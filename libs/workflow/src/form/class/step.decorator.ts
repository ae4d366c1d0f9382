import type { EachAction, NodePolicies, NodeSettings } from '../../graph/draft.js';

const STEP_METADATA = 'nest-resilience:workflow-step';

/** Settings of a node; its policies are the decorators on the method. */
export interface StepSettings extends Omit<NodeSettings, keyof NodePolicies> {
  /** Calls the method once for each item of a list: `input` of its context is the item, and its decorators act on each call. */
  readonly each?: Omit<EachAction, 'action'>;
}

/**
 * Makes a method of a `@Workflow()` class a node of that name. It is called with a `StepContext`, as a method of the instance that
 * Nest made, so every policy decorator (`@Retry`, `@CircuitBreaker`, `@Timeout`, `@Fallback`, `@DeadLetter`) is in effect.
 */
export function Step(settings: StepSettings = {}): MethodDecorator {
  return (target, property, descriptor) => {
    if (typeof target === 'function' || typeof descriptor.value !== 'function' || typeof property !== 'string') {
      throw new TypeError(
        `@Step() belongs on a method of an instance, not on ${typeof target === 'function' ? 'static ' : ''}'${String(property)}'`,
      );
    }
    // On the class and not on the function: other decorators may replace the function, in either order.
    Reflect.defineMetadata(STEP_METADATA, settings, target, property);
  };
}

/** Settings of a step, inherited ones included. */
export function stepSettings(prototype: object, method: string): StepSettings | undefined {
  return Reflect.getMetadata(STEP_METADATA, prototype, method) as StepSettings | undefined;
}

import type { PolicyContext } from '../engine/policy-context.js';
import { type Declaration, takesEffect } from '../engine/shared-state.js';
import type { ResolvedCircuitBreakerOptions } from './circuit-breaker.options.js';
import { changeCircuits, type Circuits, createCircuits } from './circuit-breaker.policy.js';
import { circuitFamily } from './circuit-family.js';
import { CircuitRules } from './circuit-rules.js';
import type { Circuit } from './circuit.js';

/** More kinds of options than this are rare, and looking through them would cost the start. */
const MAX_SHARED_RULES = 20;

/** The circuits of one application, by name. */
export class CircuitBook {
  private readonly rules: CircuitRules[] = [];
  private readonly byName = new Map<string, Circuits>();

  /** The first declaration of a name makes its circuits; a later one changes them as {@link takesEffect} says. */
  of(name: string, declaration: Declaration<ResolvedCircuitBreakerOptions>, context: PolicyContext): Circuits {
    const known = this.byName.get(name);
    if (known !== undefined && !takesEffect(known.rules.options, declaration)) return known;
    const rules = this.rulesFor(declaration.declared, context);
    const circuits = known === undefined ? createCircuits(name, rules) : changeCircuits(known, rules);
    this.byName.set(name, circuits);
    return circuits;
  }

  /** Every circuit that exists now; a keyed breaker has one per key seen. */
  *all(): Iterable<Circuit> {
    for (const circuits of this.byName.values()) yield* circuits.circuits();
  }

  /** By its whole name, without looking through all of them. */
  find(name: string): Circuit | undefined {
    const family = circuitFamily(name);
    const key = family === name ? undefined : name.slice(family.length + 1, -1);
    return this.byName.get(name)?.peek(undefined) ?? this.byName.get(family)?.peek(key);
  }

  /** The circuits of a keyed breaker share one name and are counted per state: keys come from arguments. */
  *families(): Iterable<{ readonly name: string; readonly members: readonly Circuit[] }> {
    const byName = new Map<string, Circuit[]>();
    for (const circuit of this.all()) {
      const name = circuitFamily(circuit.name);
      byName.set(name, [...(byName.get(name) ?? []), circuit]);
    }
    for (const [name, members] of byName) yield { name, members };
  }

  /** Circuits that are judged alike share their rules: with one set each, options would take more memory than outcomes. */
  private rulesFor(options: ResolvedCircuitBreakerOptions, context: PolicyContext): CircuitRules {
    const known = this.rules.find((rules) => rules.isMadeOf(options));
    if (known !== undefined) return known;
    const rules = new CircuitRules(options, context);
    if (this.rules.length < MAX_SHARED_RULES) this.rules.push(rules);
    return rules;
  }
}

import { atOnce } from '../engine/at-once.js';
import { RecentMap } from '../engine/recent-map.js';
import type { CircuitBreakerStage } from '../engine/stages.js';
import { Circuit } from './circuit.js';
import type { CircuitRules } from './circuit-rules.js';

/** One circuit for all calls. */
export class SingleCircuit implements CircuitBreakerStage {
  readonly circuit: Circuit;

  constructor(
    readonly name: string,
    public rules: CircuitRules,
  ) {
    this.circuit = new Circuit(name, rules);
  }

  reconfigure(rules: CircuitRules): void {
    this.rules = rules;
    this.circuit.reconfigure(rules);
  }

  select(): Circuit {
    return this.circuit;
  }

  circuits(): Iterable<Circuit> {
    return [this.circuit];
  }

  peek(key: string | undefined): Circuit | undefined {
    return key === undefined ? this.circuit : undefined;
  }
}

/** A circuit per key, least recently used forgotten first: a flood of keys cannot grow memory. */
export class KeyedCircuits implements CircuitBreakerStage {
  private readonly byKey: RecentMap<Circuit>;

  constructor(
    readonly name: string,
    public rules: CircuitRules,
    private keyOf: KeyOf,
  ) {
    this.byKey = new RecentMap(rules.options.maxKeys);
  }

  reconfigure(rules: CircuitRules, keyOf: KeyOf): void {
    this.rules = rules;
    this.keyOf = keyOf;
    this.byKey.limit(rules.options.maxKeys);
    for (const circuit of this.byKey.all()) circuit.reconfigure(rules);
  }

  select(args: readonly unknown[]): Circuit {
    const key = String(atOnce(this.keyOf(...args), '@CircuitBreaker > key'));
    const known = this.byKey.use(key);
    if (known !== undefined) return known;
    const circuit = new Circuit(this.name, this.rules, key);
    this.byKey.set(key, circuit);
    return circuit;
  }

  circuits(): Iterable<Circuit> {
    return this.byKey.all();
  }

  /** Looks without using. */
  peek(key: string | undefined): Circuit | undefined {
    return key === undefined ? undefined : this.byKey.peek(key);
  }
}

export type Circuits = SingleCircuit | KeyedCircuits;

type KeyOf = (...args: readonly unknown[]) => string;

export function createCircuits(name: string, rules: CircuitRules): Circuits {
  const { key } = rules.options;
  return key === undefined ? new SingleCircuit(name, rules) : new KeyedCircuits(name, rules, key);
}

/** Keeps the circuits that are known and their state; only one circuit for all cannot become one per key, nor the reverse. */
export function changeCircuits(known: Circuits, rules: CircuitRules): Circuits {
  const { key } = rules.options;
  if (known instanceof SingleCircuit && key === undefined) known.reconfigure(rules);
  else if (known instanceof KeyedCircuits && key !== undefined) known.reconfigure(rules, key);
  else return createCircuits(known.name, rules);
  return known;
}

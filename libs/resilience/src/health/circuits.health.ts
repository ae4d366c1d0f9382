import { Inject, Injectable } from '@nestjs/common';
import { ResilienceService } from '../nest/resilience.service.js';
import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import { degraded, down, type HealthOutcome, up } from './health-outcome.js';

export interface CircuitsHealthOptions {
  /**
   * Names of circuits without which the process is of no use: open means down. Any other open circuit only degrades.
   * @default []
   */
  readonly critical?: readonly string[];
}

/** What the indicator reads of a circuit handle. */
export interface CircuitReading {
  readonly name: string;
  readonly state: string;
}

/** Circuits of this process that refuse calls. */
@Injectable()
export class CircuitsHealthIndicator {
  constructor(@Inject(ResilienceService) private readonly resilience: { circuits(): Iterable<CircuitReading> }) {}

  check({ critical = [] }: CircuitsHealthOptions = {}): HealthOutcome {
    const circuits = [...this.resilience.circuits()];
    const open = namesOf(circuits, ['open', 'forced_open']);
    const halfOpen = namesOf(circuits, ['half_open']);
    const details = { total: circuits.length, open, halfOpen, recovering: namesOf(circuits, ['recovering']) };
    if (open.length === 0) return up(details);
    const dead = open.filter((name) => critical.includes(name));
    return dead.length > 0
      ? down(`critical circuit open: ${dead.join(', ')}`, details)
      : degraded(`circuit open: ${open.join(', ')}`, details);
  }
}

/** Without keys, each once: probes are open to everybody. */
function namesOf(circuits: readonly CircuitReading[], states: readonly string[]): string[] {
  return [...new Set(circuits.filter(({ state }) => states.includes(state)).map(({ name }) => circuitFamily(name)))];
}

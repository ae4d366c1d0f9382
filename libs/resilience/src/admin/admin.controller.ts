import { Controller, Get, Inject, UseFilters, VERSION_NEUTRAL } from '@nestjs/common';
import type { PolicyReport } from '../nest/policy-report.js';
import { type ResilienceMetrics, ResilienceService } from '../nest/resilience.service.js';
import { type CircuitView, publicNames } from './circuit.view.js';
import { ProblemFilter } from './problem.js';

/** Figures for everybody. */
@Controller({ path: 'resilience', version: VERSION_NEUTRAL })
@UseFilters(ProblemFilter)
export class AdminController {
  constructor(@Inject(ResilienceService) private readonly resilience: ResilienceService) {}

  @Get('metrics')
  metrics(): ResilienceMetrics {
    const { circuits, ...metrics } = this.resilience.metrics();
    const shown = publicNames(Object.keys(circuits));
    const entries = Object.entries(circuits).map(([name, snapshot]) => [shown.get(name) ?? name, snapshot] as const);
    return { ...metrics, circuits: Object.fromEntries(entries) };
  }

  @Get('circuits')
  circuits(): CircuitView[] {
    const circuits = this.resilience.circuits();
    const shown = publicNames(circuits.map(({ name }) => name));
    return circuits.map((circuit) => ({ ...circuit.snapshot(), name: shown.get(circuit.name) ?? circuit.name }));
  }

  /** What protects what, outermost policy first. Declarations only: no arguments, no constants of fallbacks. */
  @Get('policies')
  policies(): PolicyReport[] {
    return this.resilience.policies();
  }
}

import { Controller, Get, Inject, Res, UseFilters, VERSION_NEUTRAL } from '@nestjs/common';
import type { PolicyReport } from '../nest/policy-report.js';
import { type ResilienceMetrics, ResilienceService } from '../nest/resilience.service.js';
import { HttpResponse } from '../nest/wire/http-response.js';
import { type CircuitView, shownCircuits } from './circuit.view.js';
import { ProblemFilter } from './problem.js';

/** {@link ResilienceMetrics} for everybody: no longer than the application itself makes it, whatever its callers do. */
export interface ShownMetrics extends ResilienceMetrics {
  /** Circuits there are; of keyed breakers only the worst are shown. */
  readonly circuitsTotal: number;
}

/** Queues come with imports, too. */
const MAX_SHOWN_QUEUES = 100;

/** Figures for everybody. */
@Controller({ path: 'resilience', version: VERSION_NEUTRAL })
@UseFilters(ProblemFilter)
export class AdminController {
  constructor(@Inject(ResilienceService) private readonly resilience: ResilienceService) {}

  @Get('metrics')
  metrics(): ShownMetrics {
    const { total, worst } = shownCircuits(this.resilience);
    const { deadLetters, ...metrics } = this.resilience.metrics([]);
    const queues = Object.entries(deadLetters.byQueue).sort(([, one], [, other]) => other - one);
    return {
      ...metrics,
      circuits: Object.fromEntries(worst.map(({ name, ...snapshot }) => [name, snapshot])),
      circuitsTotal: total,
      deadLetters: { ...deadLetters, byQueue: Object.fromEntries(queues.slice(0, MAX_SHOWN_QUEUES)) },
    };
  }

  /** Worst first. `X-Total-Count` says how many there are. */
  @Get('circuits')
  circuits(@Res({ passthrough: true }) response: HttpResponse): CircuitView[] {
    const { total, worst } = shownCircuits(this.resilience);
    response.header('X-Total-Count', String(total));
    return worst;
  }

  /** What protects what, outermost policy first. Declarations only: no arguments, no constants of fallbacks. */
  @Get('policies')
  policies(): PolicyReport[] {
    return this.resilience.policies();
  }
}

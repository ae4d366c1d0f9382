import { Controller, Get, HttpCode, Inject, Param, Post, UseFilters, VERSION_NEUTRAL } from '@nestjs/common';
import type { CircuitHandle } from '../circuit-breaker/circuit-handle.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit.js';
import { nearest } from '../engine/options.js';
import type { PolicyReport } from '../nest/policy-report.js';
import { type ResilienceMetrics, ResilienceService } from '../nest/resilience.service.js';
import { AdminRoute } from './admin-route.decorator.js';
import { publicNames } from './circuit.view.js';
import { ProblemException, ProblemFilter } from './problem.js';

export type CircuitView = CircuitSnapshot & { readonly name: string };

/** Figures for everybody, switches for operators. A switch acts on this process only. */
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

  /** Refuses every call until `close` or `reset`. */
  @Post('circuits/:name/open')
  @HttpCode(200)
  @AdminRoute()
  open(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.open());
  }

  @Post('circuits/:name/close')
  @HttpCode(200)
  @AdminRoute()
  close(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.close());
  }

  /** Admits everything and records nothing. */
  @Post('circuits/:name/disable')
  @HttpCode(200)
  @AdminRoute()
  disable(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.disable());
  }

  /** As new: closed, nothing counted. */
  @Post('circuits/:name/reset')
  @HttpCode(200)
  @AdminRoute()
  reset(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.reset());
  }

  private switch(name: string, act: (circuit: CircuitHandle) => void): CircuitView {
    const circuit = this.find(name);
    act(circuit);
    return { ...circuit.snapshot(), name: circuit.name };
  }

  /** By its own name, or by the one that the list shows. */
  private find(name: string): CircuitHandle {
    const circuits = this.resilience.circuits();
    const shown = publicNames(circuits.map((circuit) => circuit.name));
    const found = circuits.find((circuit) => circuit.name === name) ?? circuits.find((c) => shown.get(c.name) === name);
    if (found) return found;
    const near = nearest(name, [...shown.values()]);
    throw new ProblemException(
      404,
      'RESILIENCE_UNKNOWN_CIRCUIT',
      `There is no circuit '${name}'${near ? ` (did you mean '${near}'?)` : ''}; a circuit exists from the first call of its method. ` +
        'GET /resilience/circuits lists them.',
    );
  }
}

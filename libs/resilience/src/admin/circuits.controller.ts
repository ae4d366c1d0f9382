import { Body, Controller, HttpCode, Inject, Param, Post, UseFilters, VERSION_NEUTRAL } from '@nestjs/common';
import { type CircuitHandle, readOpening } from '../circuit-breaker/circuit-handle.js';
import { didYouMean } from '../engine/did-you-mean.js';
import { readBody } from '../nest/openapi/read-request.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { AdminRoute } from './admin-route.decorator.js';
import { OPEN } from './circuit.openapi.js';
import { type CircuitView, publicNames } from './circuit.view.js';
import { DeadLetterProblemFilter } from './dead-letter.problem.js';
import { ProblemException } from './problem.js';

/** Switches for operators. They act on this process, and on its peers where it has some. */
@Controller({ path: 'resilience/circuits', version: VERSION_NEUTRAL })
@AdminRoute()
@UseFilters(DeadLetterProblemFilter)
export class CircuitsController {
  constructor(@Inject(ResilienceService) private readonly resilience: ResilienceService) {}

  /** Refuses every call until `close` or `reset`, or for a time. */
  @Post(':name/open')
  @HttpCode(200)
  open(@Param('name') name: string, @Body() body: unknown): CircuitView {
    const { for: given } = readBody(OPEN, body);
    const ms = given === undefined ? undefined : readOpening(given, 'body > for');
    return this.switch(name, (circuit) => circuit.open(ms));
  }

  /** Admits everything and records: tells when it would open, and never does. */
  @Post(':name/metrics-only')
  @HttpCode(200)
  metricsOnly(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.metricsOnly());
  }

  @Post(':name/close')
  @HttpCode(200)
  close(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.close());
  }

  /** Admits everything and records nothing. */
  @Post(':name/disable')
  @HttpCode(200)
  disable(@Param('name') name: string): CircuitView {
    return this.switch(name, (circuit) => circuit.disable());
  }

  /** As new: in its initial state, nothing counted. */
  @Post(':name/reset')
  @HttpCode(200)
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
    const shown = publicNames(this.resilience);
    const circuits = [...shown.keys()];
    const found = circuits.find((circuit) => circuit.name === name) ?? circuits.find((c) => shown.get(c) === name);
    if (found) return found;
    throw new ProblemException(
      404,
      'RESILIENCE_UNKNOWN_CIRCUIT',
      `There is no circuit '${name}'${didYouMean(name, [...shown.values()])}; a circuit exists from the first call of its method. ` +
        'GET /resilience/circuits lists them.',
    );
  }
}

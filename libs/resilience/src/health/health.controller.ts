import { Controller, Get, Query, VERSION_NEUTRAL } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, type HealthIndicatorResult } from '@nestjs/terminus';
import { HealthRegistry } from './health.registry.js';
import { type HealthCheckState, effectOf } from './health.report.js';
import { ShutdownState } from './shutdown.state.js';

/** The routes describe their answers themselves: Terminus would promise a 503 on the liveness route, which never gives one. */
const OURS_IN_OPENAPI = { noCache: true, swaggerDocumentation: false };

/** What an orchestrator asks. No route runs a check; answers have Terminus' shape. */
@Controller({ path: 'health', version: VERSION_NEUTRAL })
export class HealthController {
  constructor(
    private readonly terminus: HealthCheckService,
    private readonly registry: HealthRegistry,
    private readonly shutdown: ShutdownState,
  ) {}

  /** Only whether the process answers. Restarting it repairs no dependency and ends no shutdown, so neither counts. */
  @Get('live')
  @HealthCheck(OURS_IN_OPENAPI)
  live(): HealthCheckResult {
    const details: HealthIndicatorResult = { process: { status: 'up', uptimeSeconds: Math.round(process.uptime()) } };
    return { status: 'ok', info: details, error: {}, details };
  }

  /**
   * 503 while a critical check is down or the process shuts down.
   * @param exclude names of checks that are shown, but do not count, as kube-apiserver has it; names of no check change nothing
   */
  @Get('ready')
  @HealthCheck(OURS_IN_OPENAPI)
  ready(@Query('exclude') exclude?: unknown): Promise<HealthCheckResult> {
    const excluded = new Set([exclude].flat().flatMap((names) => String(names).split(',')));
    const answers = this.registry
      .summary()
      .checks.map((check) => () => (excluded.has(check.name) ? leftOut(check) : readiness(check)));
    if (this.shutdown.shuttingDown) answers.push(() => shuttingDown);
    return this.terminus.check(answers);
  }

  /** 503 until every critical check has passed once. */
  @Get('startup')
  @HealthCheck(OURS_IN_OPENAPI)
  startup(): Promise<HealthCheckResult> {
    const critical = this.registry.summary().checks.filter((check) => check.critical);
    return this.terminus.check(critical.map((check) => () => startup(check)));
  }
}

const STATUS = { ok: 'up', degraded: 'degraded', error: 'down' } as const;

const shuttingDown: HealthIndicatorResult = { process: { status: 'down', reason: 'the process is shutting down' } };

function readiness({ name, status, passedOnce: _, ...facts }: HealthCheckState): HealthIndicatorResult {
  const effect = effectOf({ name, status, passedOnce: _, ...facts });
  return { [name]: { ...facts, found: status, status: STATUS[effect] } };
}

function leftOut(check: HealthCheckState): HealthIndicatorResult {
  const answer = readiness(check);
  return { [check.name]: { ...answer[check.name], status: 'up', excluded: true } };
}

function startup({ name, passedOnce, status, reason }: HealthCheckState): HealthIndicatorResult {
  return { [name]: passedOnce ? { status: 'up' } : { status: 'down', reason: reason ?? status } };
}

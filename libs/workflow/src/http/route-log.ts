import { Inject, Injectable, Logger, type OnApplicationBootstrap, Optional } from '@nestjs/common';
import { type AdminAccess, RESILIENCE_ADMIN } from '@nest-resilience/core/admin';

/** Token of what `WorkflowModule.forRoot({ http })` said. */
export const WORKFLOW_ACCESS = Symbol.for('nest-resilience:workflow-access');

export type WorkflowAccess = 'none' | 'admin' | 'open' | 'guards';

const ROUTES = '/workflows and /executions';

/** Says at boot who may use the routes, where `AdminModule` does not say it already. */
@Injectable()
export class WorkflowRouteLog implements OnApplicationBootstrap {
  private readonly logger = new Logger('Resilience:Workflows');

  constructor(
    @Inject(WORKFLOW_ACCESS) private readonly access: WorkflowAccess,
    @Optional() @Inject(RESILIENCE_ADMIN) private readonly admin?: AdminAccess,
  ) {}

  onApplicationBootstrap(): void {
    if (this.access === 'open')
      this.logger.warn(`Open to everybody who reaches the port: ${ROUTES} (WorkflowModule, http: 'open')`);
    if (this.access === 'guards') this.logger.log(`Open to whom the application's guards let through: ${ROUTES}`);
    if (this.access === 'admin' && this.admin === undefined) {
      this.logger.log(
        `Closed to everybody: ${ROUTES}. AdminModule.forRoot({ token }) opens them, or WorkflowModule's http: { guards } or 'open'`,
      );
    }
  }
}

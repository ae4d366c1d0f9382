import { ConfigurableModuleBuilder, Module, UseGuards } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ProblemFilter } from './http/problem.filter.js';
import { WorkflowController } from './http/workflow.controller.js';
import { EXECUTION_STORE, type ExecutionStore } from './ledger/execution-store.js';
import { MemoryExecutionStore } from './ledger/memory.store.js';
import { WorkflowRuns } from './redrive/workflow-runs.js';
import { WORKFLOW_OPTIONS, type WorkflowModuleExtras, type WorkflowModuleOptions } from './workflow.options.js';
import { WorkflowService } from './workflow.service.js';

type Guards = NonNullable<Exclude<WorkflowModuleExtras['http'], boolean | undefined>['guards']>;

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<WorkflowModuleOptions>({
  moduleName: 'Workflow',
  optionsInjectionToken: WORKFLOW_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<WorkflowModuleExtras>({ http: true, isGlobal: true }, (definition, { http = true, isGlobal = true }) => ({
    ...definition,
    global: isGlobal,
    controllers: http === false ? [] : [controllerWith(http === true ? [] : (http.guards ?? []))],
  }))
  .build();

/**
 * Workflows that finish: `WorkflowModule.forRoot({ directory: 'workflows', store: sqliteExecutionStore({ file }) })`.
 * Needs `ResilienceModule.forRoot()` in the application.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    WorkflowService,
    WorkflowRuns,
    ProblemFilter,
    {
      provide: EXECUTION_STORE,
      inject: [WORKFLOW_OPTIONS],
      useFactory: (options: WorkflowModuleOptions): ExecutionStore => options.store ?? new MemoryExecutionStore(),
    },
  ],
  exports: [WorkflowService, ProblemFilter, EXECUTION_STORE],
})
export class WorkflowModule extends ConfigurableModuleClass {}

/** Guards get a class of their own to stand on: another application in this process may have declared others. */
function controllerWith(guards: Guards): typeof WorkflowController {
  if (guards.length === 0) return WorkflowController;
  class GuardedWorkflowController extends WorkflowController {}
  UseGuards(...guards)(GuardedWorkflowController);
  return GuardedWorkflowController;
}

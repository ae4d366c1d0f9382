import { ConfigurableModuleBuilder, type DynamicModule, Module, type Type, UseGuards } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { StoreFaults } from '@nest-resilience/core';
import {
  type AdminAccess,
  AdminGuard,
  BodyGate,
  NeverStored,
  ownController,
  RefusedBodies,
  RESILIENCE_ADMIN,
} from '@nest-resilience/core/admin';
import { ExecutionStreams } from './http/execution-streams.js';
import { ProblemFilter } from './http/problem.filter.js';
import { WORKFLOW_ACCESS, type WorkflowAccess, WorkflowRouteLog } from './http/route-log.js';
import { WorkflowController } from './http/workflow.controller.js';
import { describeWorkflowRoutes } from './http/workflow.openapi.js';
import { EXECUTION_STORE, type ExecutionStore } from './ledger/execution-store.js';
import { MemoryExecutionStore } from './ledger/memory.store.js';
import { watchedStore } from './ledger/watched-store.js';
import { WorkflowRuns } from './redrive/workflow-runs.js';
import { WorkflowEngine } from './workflow.engine.js';
import { WORKFLOW_OPTIONS, type WorkflowModuleExtras, type WorkflowModuleOptions } from './workflow.options.js';
import { WorkflowService } from './workflow.service.js';

type Http = NonNullable<WorkflowModuleExtras['http']>;

const OPENAPI = Symbol.for('nest-resilience:workflow-openapi');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<WorkflowModuleOptions>({
  moduleName: 'Workflow',
  optionsInjectionToken: WORKFLOW_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<WorkflowModuleExtras>({ http: true, isGlobal: true }, (definition, { http = true, isGlobal = true }) => ({
    ...definition,
    global: isGlobal,
    ...routes(http, definition),
  }))
  .build();

/**
 * Workflows that finish: `WorkflowModule.forRoot({ directory: 'workflows', store: sqliteExecutionStore({ file }) })`.
 * Needs `ResilienceModule.forRoot()` in the application. Its routes are closed until `AdminModule` or `http` opens them.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    WorkflowEngine,
    WorkflowService,
    WorkflowRuns,
    ProblemFilter,
    {
      provide: EXECUTION_STORE,
      inject: [WORKFLOW_OPTIONS, StoreFaults],
      useFactory: (
        { store = new MemoryExecutionStore(), storeCritical }: WorkflowModuleOptions,
        faults: StoreFaults,
      ): ExecutionStore => watchedStore(store, faults, storeCritical ?? false),
    },
  ],
  exports: [WorkflowService, ProblemFilter, EXECUTION_STORE],
})
export class WorkflowModule extends ConfigurableModuleClass {}

function routes(http: Http, { providers = [] }: DynamicModule): Pick<DynamicModule, 'controllers' | 'providers'> {
  if (http === false) return { controllers: [], providers };
  const access = accessOf(http);
  const controller = controllerFor(http);
  const describe = (admin?: AdminAccess): Promise<void> => describeWorkflowRoutes(controller, access, admin);
  return {
    controllers: [controller],
    providers: [
      ...providers,
      ExecutionStreams,
      WorkflowRouteLog,
      BodyGate,
      { provide: WORKFLOW_ACCESS, useValue: access },
      RefusedBodies.of([controller]),
      { provide: OPENAPI, inject: [{ token: RESILIENCE_ADMIN, optional: true }], useFactory: describe },
    ],
  };
}

function accessOf(http: Exclude<Http, false>): WorkflowAccess {
  if (http === 'open') return 'open';
  return typeof http === 'object' && http.guards.length > 0 ? 'guards' : 'admin';
}

function controllerFor(http: Exclude<Http, false>): Type {
  const controller = ownController(WorkflowController);
  const access = accessOf(http);
  UseGuards(access === 'admin' ? AdminGuard : NeverStored)(controller);
  if (typeof http === 'object' && access === 'guards') UseGuards(...http.guards)(controller);
  return controller;
}

import 'reflect-metadata';

import {
  type Clock,
  DeadLetterService,
  type Policies,
  ResilienceModule,
  ResilienceService,
} from '@nest-resilience/core';
import { FakeClock, RecordingEvents } from '@nest-resilience/core/testing';
import {
  type ExecutionLedger,
  type StartOptions,
  WorkflowModule,
  type WorkflowModuleOptions,
  WorkflowService,
} from '@nest-resilience/workflow';
import type { ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

export interface Setting extends WorkflowModuleOptions, Pick<ModuleMetadata, 'imports' | 'providers'> {
  readonly clock?: Clock;
  /** @default 0.5 */
  readonly random?: () => number;
  readonly policies?: Readonly<Record<string, Policies>>;
}

/** An application with workflows, whose time passes only as fast as the test lets it. */
export class Application {
  readonly clock: Clock;
  readonly events = new RecordingEvents();
  private module: TestingModule | undefined;

  private constructor(private readonly setting: Setting) {
    this.clock = setting.clock ?? new FakeClock();
  }

  static async start(setting: Setting = {}): Promise<Application> {
    const application = new Application(setting);
    await application.init();
    return application;
  }

  get workflows(): WorkflowService {
    return this.get(WorkflowService);
  }

  get resilience(): ResilienceService {
    return this.get(ResilienceService);
  }

  get deadLetters(): DeadLetterService {
    return this.get(DeadLetterService);
  }

  get<T>(token: abstract new (...args: never[]) => T): T {
    return this.module!.get(token as never, { strict: false });
  }

  /** Runs a workflow to its end, however long that takes. */
  async run(workflow: string, input: unknown = {}, options?: StartOptions): Promise<ExecutionLedger> {
    const { id } = await this.workflows.start(workflow, input, options);
    return this.untilEnd(id);
  }

  async untilEnd(id: string): Promise<ExecutionLedger> {
    for (;;) {
      const ledger = await this.workflows.get(id);
      if (ledger.status !== 'queued' && ledger.status !== 'running') return ledger;
      if (this.clock instanceof FakeClock) await this.clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async close(): Promise<void> {
    await this.module?.close();
  }

  private async init(): Promise<void> {
    const { imports = [], providers = [], random = () => 0.5, policies, clock: _, ...options } = this.setting;
    this.module = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ clock: this.clock, random, events: this.events, ...(policies && { policies }) }),
        ...imports,
        WorkflowModule.forRoot({ http: false, ...options }),
      ],
      providers,
    }).compile();
    this.module.useLogger(false);
    await this.module.init();
  }
}

/** A function that fails as scripted, call by call, then answers. `undefined` in the script: this call answers. */
export function scripted<T>(failures: readonly (Error | undefined)[], answer: T) {
  const at: number[] = [];
  const call = Object.assign(
    (clock: { now(): number }): T => {
      const failure = failures[at.length];
      at.push(clock.now());
      if (failure) throw failure;
      return answer;
    },
    { at },
  );
  return call;
}

export const busy = (): Error => Object.assign(new Error('busy'), { status: 503 });
export const unauthorized = (): Error => Object.assign(new Error('wrong key'), { status: 401 });

import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { DeadLetter } from '@nest-resilience/core';
import { HealthRegistry } from '@nest-resilience/core/health';
import { type StepContext, workflow, WorkflowService } from '@nest-resilience/workflow';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Waits } from '../waits.js';

const SLOTS = Number(process.env['SQL_FAULT_SLOTS'] ?? 20);
const FAILURES_PER_SECOND = 20;

@Injectable()
export class Orders {
  @DeadLetter('orders')
  async charge(order: number, _padding: string): Promise<void> {
    throw new Error(`bank is down for ${order}`);
  }
}

/** Runs at work, calls that fail, and what became of them. */
export class Load {
  readonly accepted = new Set<string>();
  readonly deadLetters = new Set<string>();
  readonly submits: number[] = [];
  readonly calls = new Waits();
  readonly refusals = new Map<string, number>();
  readonly notOk: number[] = [];
  readonly ran = new Map<string, number>();
  unacknowledged = 0;
  private going = true;
  private readonly padding: string;
  private readonly work: Promise<unknown>[] = [];

  readonly chain = ['first', 'second', 'third'].reduce(
    (chain, name, index, names) =>
      chain.node(name, {
        run: (context: StepContext) => this.step(context),
        ...(index > 0 && { after: names[index - 1]! }),
      }),
    workflow('chain'),
  );

  /** @param bytes that each execution and each dead letter brings along, of a kind that nobody can pack */
  constructor(bytes = 0) {
    this.padding = randomBytes(bytes / 2).toString('hex');
  }

  begin(app: INestApplication): void {
    const [workflows, orders, health] = [app.get(WorkflowService), app.get(Orders), app.get(HealthRegistry)];
    for (let slot = 0; slot < SLOTS; slot++) this.work.push(this.submitting(workflows));
    this.work.push(this.failing(orders), this.looking(health));
  }

  /** What came before, while everything was warming up, is no figure. */
  measure(): void {
    this.submits.length = 0;
    this.notOk.length = 0;
    this.calls.begin();
  }

  async end(): Promise<void> {
    this.going = false;
    await Promise.all(this.work);
  }

  private async step({ executionId, node }: StepContext): Promise<string> {
    const key = `${executionId} ${node}`;
    this.ran.set(key, (this.ran.get(key) ?? 0) + 1);
    await pause(50);
    return key;
  }

  private async submitting(workflows: WorkflowService): Promise<void> {
    while (this.going) {
      const at = performance.now();
      try {
        const { id } = await workflows.start('chain', { padding: this.padding });
        this.submits.push(performance.now() - at);
        this.accepted.add(id);
        // Not longer: reading waits for locks, too.
        await Promise.race([workflows.wait(id, { timeout: '2s' }).catch(() => pause(50)), pause(2_000)]);
      } catch (error) {
        this.submits.push(performance.now() - at);
        const { code = String(error) } = error as { code?: string };
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
        await pause(50);
      }
    }
  }

  private async failing(orders: Orders): Promise<void> {
    for (let order = 0; this.going; order++) {
      const failed = this.calls.of(() => orders.charge(order, this.padding));
      const error = (await failed.catch((reason: unknown) => reason)) as { deadLetterId?: string };
      if (error.deadLetterId === undefined) this.unacknowledged++;
      else this.deadLetters.add(error.deadLetterId);
      await pause(1_000 / FAILURES_PER_SECOND);
    }
  }

  private async looking(health: HealthRegistry): Promise<void> {
    while (this.going) {
      if (health.summary().status !== 'ok') this.notOk.push(performance.now());
      await pause(20);
    }
  }
}

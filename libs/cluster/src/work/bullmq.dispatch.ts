import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { Clock } from '@nest-resilience/core';
import { repeatAfterEach, within } from '@nest-resilience/core/kit';
import type { Work, WorkDispatch, Worker as Hands } from '@nest-resilience/workflow';
import { type Job, type JobsOptions, Queue, Worker } from 'bullmq';
import type { RedisConnection } from '../connection/redis.connection.js';
import type { RedisClient } from '../connection/redis-client.js';

/** Jobs of executions, under the prefix. */
const QUEUE = 'executions';
/** An execution whose version is not known here is offered again after so long. */
const ELSEWHERE_MS = 5_000;
/** How long adding may take; the sweeper makes up for what fails. */
const ADD_MS = 1_000;
const CLOSE_MS = 2_000;
const EPOCH_MS = 3_000;
/** Jobs of one command. */
const BULK = 500;

/** What a job says: nothing that was submitted. */
interface Message extends Work {
  readonly v: 1;
  /** How often it was put off. */
  readonly again?: number;
}

export interface OfferCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
}

/** One BullMQ job for each execution that is ready. What gets lost the ledger's sweeper offers again, what comes twice its leases refuse. */
export class BullmqDispatch implements WorkDispatch {
  private readonly logger = new Logger('Resilience:Cluster');
  private readonly forgotten: (() => void)[] = [];
  private adding: RedisClient | undefined;
  private queue: Promise<Queue<Message>> | undefined;
  private stopWatching: () => void = () => undefined;
  private taking: RedisClient | undefined;
  private worker: Worker<Message> | undefined;
  private failing = false;
  /** Something that waits may not be known to Redis. */
  private missed = false;
  private closed = false;
  /** Offers that could not be made. */
  failures = 0;
  /** As Redis said within the last seconds. */
  known: OfferCounts = { waiting: 0, active: 0, delayed: 0 };

  constructor(
    private readonly redis: RedisConnection,
    private readonly clock: Clock,
  ) {}

  start(hands: Hands): Promise<void> {
    // It waits for Redis as long as that takes. BullMQ gives up for good on a connection that is not there when it begins.
    const taking = (this.taking = this.redis.open({ maxRetriesPerRequest: null }));
    if (taking.status === 'ready') this.begin(hands, taking);
    else taking.once('ready', () => this.begin(hands, taking));
    return this.watchEpoch();
  }

  offer(work: readonly Work[]): void {
    for (let from = 0; from < work.length; from += BULK)
      this.add(work.slice(from, from + BULK).map((each) => ({ message: { v: 1, ...each }, options: {} })));
  }

  onForgotten(listener: () => void): void {
    this.forgotten.push(listener);
  }

  async pause(): Promise<void> {
    // Resolves at once: what is under way is waited for by whoever runs it.
    await this.worker?.pause(true);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stopWatching();
    const queue = await this.queue?.catch(() => undefined);
    const ended = Promise.all([this.worker?.close(true), queue?.close()]);
    await within(this.clock, CLOSE_MS, ended, () => undefined).catch(() => undefined);
    this.adding?.disconnect();
    this.taking?.disconnect();
  }

  /** @throws what Redis says */
  async counts(): Promise<OfferCounts> {
    const { waiting = 0, prioritized = 0, active = 0, delayed = 0 } = await (await this.open()).getJobCounts();
    return { waiting: waiting + prioritized, active, delayed };
  }

  private async take({ data }: Job<Message>, hands: Hands): Promise<void> {
    const { again = 0 } = data;
    const outcome = await hands.run(data);
    if (outcome !== 'unknown_version' && outcome !== 'stopping') return;
    const delay = outcome === 'stopping' ? 0 : ELSEWHERE_MS;
    // Under another id: this job is there until it ends.
    this.add([{ message: { ...data, again: again + 1 }, options: { delay } }]);
  }

  private add(jobs: readonly { readonly message: Message; readonly options: JobsOptions }[]): void {
    const bulk = jobs.map(({ message, options }) => ({
      ...{ name: 'run', data: message },
      opts: { ...options, jobId: idOf(message) },
    }));
    const added = this.open().then((queue) => queue.addBulk(bulk));
    added.then(
      () => this.worked(),
      (error: unknown) => {
        this.failures += jobs.length;
        this.missed = true;
        this.failed(error);
      },
    );
  }

  private begin(hands: Hands, connection: RedisClient): void {
    if (this.closed) return;
    const { lease, sweep } = this.redis.options;
    this.worker = new Worker<Message>(QUEUE, (job) => this.take(job, hands), {
      ...{ connection, prefix: this.redis.names.queues, concurrency: hands.concurrency },
      // Crashes are counted in the ledger.
      ...{ lockDuration: lease, stalledInterval: sweep, maxStalledCount: 10 },
      ...{ removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } },
    });
    this.worker.on('error', (error) => this.failed(error));
  }

  /** Nothing is opened for an application without workflows. Rejects while Redis is away. */
  private open(): Promise<Queue<Message>> {
    this.queue ??= this.openQueue().catch((error: unknown) => {
      this.queue = undefined;
      throw error;
    });
    return this.queue;
  }

  private async openQueue(): Promise<Queue<Message>> {
    if (!this.adding) {
      this.adding = this.redis.open({ maxRetriesPerRequest: 0, commandTimeout: ADD_MS });
      this.stopWatching = repeatAfterEach(
        this.clock,
        () => EPOCH_MS,
        () => this.watchEpoch(),
      );
    }
    await this.adding.ping();
    const queue = new Queue<Message>(QUEUE, {
      ...{ connection: this.adding, prefix: this.redis.names.queues },
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => this.failed(error));
    await queue.waitUntilReady();
    return queue;
  }

  /** A value that only an emptied Redis does not have: then all that waits is offered again, by whoever finds that out. */
  private async watchEpoch(): Promise<void> {
    const key = `${this.redis.names.queues}:epoch`;
    try {
      await this.open();
      const isEmpty = (await this.adding?.set(key, randomBytes(8).toString('hex'), 'NX')) === 'OK';
      this.missed ||= isEmpty;
      this.worked();
      this.known = await this.counts();
    } catch (error) {
      this.failed(error);
    }
  }

  /** What could not be offered meanwhile is offered now. */
  private worked(): void {
    this.failing = false;
    if (!this.missed) return;
    this.missed = false;
    for (const listener of this.forgotten) listener();
  }

  /** One line until it works again: the ledger has everything. */
  private failed(error: unknown): void {
    if (this.failing) return;
    this.failing = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.logger.warn(`Executions cannot be offered over Redis now; they start when it answers again: ${reason}`);
  }
}

/** Once for each claim: while it is known, offering it again does nothing. BullMQ takes no colon. */
function idOf({ id, fence, again }: Message): string {
  return again === undefined ? `${id}-${fence}` : `${id}-${fence}-${again}`;
}

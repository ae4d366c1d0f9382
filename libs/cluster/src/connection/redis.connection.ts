import { once } from 'node:events';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Clock, systemClock } from '@nest-resilience/core';
import { repeatAfterEach, within } from '@nest-resilience/core/kit';
import type { RedisOptions } from 'ioredis';
import { ClusterConfigurationError } from '../cluster.errors.js';
import type { ResolvedClusterOptions } from '../cluster.options.js';
import { type BootCheck, CHECK_MS, checkRedis } from './boot-check.js';
import { openRedis, type RedisClient } from './redis-client.js';
import { RedisNames } from './redis-names.js';

const CHECK_AGAIN_MS = 2_000;

/**
 * The one way to Redis. Nobody waits for it longer than `commandTimeout`: who asks while it is away or silent gets `undefined` and
 * decides alone.
 */
export class RedisConnection implements OnApplicationShutdown {
  readonly names: RedisNames;
  /** What parts of the cluster found out, by their own names: shown as long as it is here. */
  readonly complaints = new Map<string, string>();
  private readonly client: RedisClient;
  private readonly subscriber: RedisClient;
  private readonly logger = new Logger('Resilience:Cluster');
  private readonly listeners = new Map<string, (text: string) => void>();
  private readonly returned: (() => void)[] = [];
  private readonly subscriptions: Promise<unknown>[] = [];
  private readonly stopChecks: () => void;
  private checked: BootCheck | undefined;
  /** Why the last question got no answer. */
  private silence: string | undefined;

  private constructor(
    readonly options: ResolvedClusterOptions,
    clock: Clock,
    checked: BootCheck,
  ) {
    this.names = new RedisNames(options.prefix);
    this.client = this.open({
      ...{ commandTimeout: options.commandTimeout, maxRetriesPerRequest: 0, enableOfflineQueue: false },
    });
    this.subscriber = this.open({ maxRetriesPerRequest: null });
    this.client.on('ready', () => this.answered());
    // Messages got lost meanwhile.
    this.subscriber.on('ready', () => this.tellReturn());
    this.subscriber.on('message', (channel: string, text: string) => this.listeners.get(channel)?.(text));
    this.note(checked);
    this.stopChecks = repeatAfterEach(
      clock,
      () => CHECK_AGAIN_MS,
      () => this.checkAgain(),
    );
  }

  /**
   * A Redis that is away is waited for in the background.
   * @throws ClusterConfigurationError for one that will never work like that
   */
  static async open(options: ResolvedClusterOptions, clock: Clock): Promise<RedisConnection> {
    const checked = await checkRedis(options);
    const connection = new RedisConnection(options, clock, checked);
    if (checked.kind === 'good') await soon(once(connection.client, 'ready'));
    return connection;
  }

  /** Nobody answers: decide alone. */
  get isAway(): boolean {
    return this.silence !== undefined;
  }

  /** Everything that is not as it should be. */
  get troubles(): readonly string[] {
    if (this.silence !== undefined) return [`Redis at ${this.options.redis.shown} does not answer: ${this.silence}`];
    const warnings = this.checked?.kind === 'good' ? this.checked.warnings : [];
    return [...this.complaints.values(), ...warnings.map((warning) => `Redis: ${warning}`)];
  }

  /** Another connection to the same place, for who needs one of its own; errors are logged, and closing it is up to the caller. */
  open(more: RedisOptions = {}): RedisClient {
    const client = openRedis(this.options, more);
    client.on('error', (error: Error) => this.logger.debug(`Redis: ${error.message}`));
    return client;
  }

  /** A script under a name. Its first `keys` arguments are keys. */
  script<A extends readonly (string | number)[]>(
    name: string,
    keys: number,
    lua: string,
  ): (...args: A) => Promise<unknown> {
    this.client.defineCommand(name, { numberOfKeys: keys, lua });
    const commands = this.client as unknown as Record<string, (...args: A) => Promise<unknown>>;
    return (...args) => commands[name]!(...args);
  }

  /** What Redis says; `undefined` when nobody answers in time. */
  async ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await question();
      this.answered();
      return answer;
    } catch (error) {
      const { message } = error as Error;
      const reason = message.startsWith("Stream isn't writeable") ? 'there is no connection' : message;
      if (this.silence === undefined) this.logger.warn(`Redis does not answer, this replica decides alone: ${reason}`);
      // The first reason: what follows from it says less.
      this.silence ??= reason;
      return undefined;
    }
  }

  /** To whoever listens now, here too; lost without a connection. */
  async publish(channel: string, text: string): Promise<void> {
    await this.ask(() => this.client.publish(this.names.channel(channel), text));
  }

  listen(channel: string, listener: (text: string) => void): void {
    const name = this.names.channel(channel);
    this.listeners.set(name, listener);
    const subscribed = this.subscriber.subscribe(name);
    this.subscriptions.push(subscribed.catch((error: Error) => this.logger.debug(`Redis: ${error.message}`)));
  }

  /** Resolves when whatever is listened to is heard, unless Redis is away. */
  async whenListening(): Promise<void> {
    if (!this.isAway) await soon(Promise.all(this.subscriptions));
  }

  /** Calls whenever somebody answers again, or messages are heard again that may have got lost. */
  onReturn(listener: () => void): void {
    this.returned.push(listener);
  }

  onApplicationShutdown(): void {
    this.stopChecks();
    this.client.disconnect();
    this.subscriber.disconnect();
  }

  private answered(): void {
    if (this.silence === undefined) return;
    this.silence = undefined;
    this.logger.log('Redis answers again');
    this.tellReturn();
  }

  private tellReturn(): void {
    for (const listener of this.returned) listener();
  }

  /** Only what was away at boot has not been looked at. */
  private async checkAgain(): Promise<void> {
    if (this.checked?.kind === 'good') return this.stopChecks();
    try {
      this.note(await checkRedis(this.options));
    } catch (error) {
      if (!(error instanceof ClusterConfigurationError)) throw error;
      if (this.silence !== error.message) this.logger.error(error.message);
      this.silence = error.message;
    }
  }

  private note(checked: BootCheck): void {
    if (checked.kind === 'away') {
      if (this.checked === undefined)
        this.logger.warn(
          `Redis at ${this.options.redis.shown} is away, this replica decides alone until it is back: ${checked.reason}`,
        );
      this.silence = checked.reason;
    } else for (const warning of checked.warnings) this.logger.warn(`Redis at ${this.options.redis.shown}: ${warning}`);
    this.checked = checked;
  }
}

function soon(work: Promise<unknown>): Promise<unknown> {
  return within(systemClock, CHECK_MS, work, () => undefined).catch(() => undefined);
}

import { Inject, Injectable } from '@nestjs/common';
import { type Clock, RESILIENCE_CLOCK } from '@nest-resilience/core';
import { RecentMap, TokenBucket } from '@nest-resilience/core/kit';
import { ClusterCircuits } from '../circuits/cluster-circuits.js';
import { RedisConnection } from '../connection/redis.connection.js';
import { COOL, TAKE } from './limit-scripts.js';

/** What a reservation comes to. Milliseconds; `cooldownMs` is for how long the target still asks to be left alone, 0 for not at all. */
export type Reservation =
  { readonly ok: true; readonly cooldownMs: number } | { readonly ok: false; readonly waitMs: number };

interface Local {
  readonly bucket: TokenBucket;
  perMinute: number;
  coolUntil: number;
}

const CHANNEL = 'limits';
const MINUTE_MS = 60_000;
const MAX_TARGETS = 1_000;

/**
 * What all replicas together may send to a target, in one bucket that refills evenly within a minute. While Redis does not answer, each
 * has its share of it: `perMinute / replicas`, less what it took of that lately.
 */
@Injectable()
export class ClusterLimits {
  private readonly takes;
  private readonly cools;
  private readonly local = new RecentMap<Local>(MAX_TARGETS);
  private readonly listeners: ((target: string, ms: number) => void)[] = [];

  constructor(
    private readonly redis: RedisConnection,
    private readonly circuits: ClusterCircuits,
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
  ) {
    this.takes = redis.script('nr_take', 2, TAKE);
    this.cools = redis.script('nr_cool', 1, COOL);
    redis.listen(CHANNEL, (text) => {
      const { v, target, ms, by } = JSON.parse(text) as Record<string, unknown>;
      if (v === 1 && by !== redis.options.replicaId) this.cooled(String(target), Number(ms));
    });
  }

  /** Books tokens (or a request). More than a minute's worth is admitted by a full bucket, which then owes the rest. */
  async take(target: string, tokens: number, perMinute: number): Promise<Reservation> {
    const local = this.localOf(target, perMinute);
    const reply = await this.ask(target, perMinute, tokens);
    if (reply === undefined) return this.takeHere(local, tokens);
    const [taken, ms] = reply as [number, number];
    if (taken === 0) return { ok: false, waitMs: ms };
    const now = this.clock.now();
    local.bucket.takeAhead(Math.min(tokens, Math.max(0, local.bucket.available(now))), now);
    return { ok: true, cooldownMs: ms };
  }

  /** Corrects what was booked; may be below 0. */
  settle(target: string, delta: number): void {
    const local = this.local.peek(target);
    if (local === undefined || delta === 0) return;
    const settled = this.redis.isAway ? Promise.resolve(undefined) : this.ask(target, local.perMinute, delta, true);
    void settled.then((reply) => {
      if (reply === undefined) local.bucket.takeAhead(delta, this.clock.now());
    });
  }

  /** Tells everybody that a target asked to be left alone. @param ms from now */
  cool(target: string, ms: number): void {
    const news = JSON.stringify({ v: 1, target, ms, by: this.redis.options.replicaId });
    const known = this.local.peek(target);
    if (known !== undefined) known.coolUntil = Math.max(known.coolUntil, this.clock.now() + ms);
    const forMs = Math.max(1, Math.round(ms));
    void this.redis.ask(() => this.cools(this.key(`cool:${target}`), forMs, this.redis.names.channel(CHANNEL), news));
  }

  /** Calls with what other replicas were told. */
  onCool(listen: (target: string, ms: number) => void): void {
    this.listeners.push(listen);
  }

  private ask(target: string, perMinute: number, tokens: number, force = false): Promise<unknown> {
    const keys = [this.key(`t:${target}`), this.key(`cool:${target}`)];
    return this.redis.ask(() => this.takes(...keys, perMinute, tokens, force ? 1 : 0));
  }

  private takeHere({ bucket, perMinute, coolUntil }: Local, tokens: number): Reservation {
    const now = this.clock.now();
    const share = perMinute / this.circuits.replicas;
    bucket.reconfigure(share, MINUTE_MS, now);
    const cost = Math.min(tokens, share);
    if (!bucket.tryTake(cost, now)) return { ok: false, waitMs: Math.ceil(bucket.waitMs(cost, now)) };
    bucket.takeAhead(tokens - cost, now);
    return { ok: true, cooldownMs: Math.max(0, coolUntil - now) };
  }

  private cooled(target: string, ms: number): void {
    const known = this.local.peek(target);
    if (known !== undefined) known.coolUntil = Math.max(known.coolUntil, this.clock.now() + ms);
    for (const listen of this.listeners) listen(target, ms);
  }

  private localOf(target: string, perMinute: number): Local {
    const known = this.local.use(target);
    const now = this.clock.now();
    const share = perMinute / this.circuits.replicas;
    if (known === undefined) {
      const made = { bucket: new TokenBucket(share, MINUTE_MS, now), perMinute, coolUntil: 0 };
      this.local.set(target, made);
      return made;
    }
    if (known.perMinute !== perMinute) known.bucket.reconfigure(share, MINUTE_MS, now);
    known.perMinute = perMinute;
    return known;
  }

  private key(name: string): string {
    return `${this.redis.names.keys('limits')}:${name}`;
  }
}

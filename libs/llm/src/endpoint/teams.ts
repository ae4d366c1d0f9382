import { createHash, timingSafeEqual } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { Clock } from '@nest-resilience/core';
import { TokenBucket } from '@nest-resilience/core/kit';
import type { ResolvedEndpoint, ResolvedKey } from './endpoint.options.js';
import { OpenAiProblem } from './openai-problem.js';

const MINUTE_MS = 60_000;

/** Who may use the endpoint, told apart by their keys. */
export class Teams {
  private readonly teams: readonly { readonly digest: Buffer; readonly team: Team }[];

  constructor({ keys }: ResolvedEndpoint, clock: Clock) {
    this.teams = [...keys].map(([name, key]) => ({
      digest: key.sha256 === undefined ? digest(key.token ?? '') : Buffer.from(key.sha256, 'hex'),
      team: new Team(name, key, clock),
    }));
  }

  /** @throws OpenAiProblem 401 for a header without a known key */
  of(authorization: string | undefined): Team {
    const given = digest(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '');
    // All of them, always: how long it takes tells nothing of which one was near.
    const found = this.teams.filter((one) => timingSafeEqual(one.digest, given));
    if (found[0] !== undefined) return found[0].team;
    throw new OpenAiProblem({
      status: 401,
      code: 'invalid_api_key',
      message: 'No team of this endpoint has this API key. Send yours as "Authorization: Bearer <key>".',
    });
  }
}

/** What one team may ask for, and what it has used. Kept in this process: give each replica its share. */
export class Team {
  private readonly logger = new Logger('LlmEndpoint');
  private readonly requests: TokenBucket | undefined;
  private readonly tokens: TokenBucket | undefined;
  private period = 0;
  private spentUsd = 0;
  private warnedIn = -1;

  constructor(
    readonly name: string,
    private readonly key: ResolvedKey,
    private readonly clock: Clock,
  ) {
    const { requestsPerMinute, tokensPerMinute } = key.limits ?? {};
    const now = clock.now();
    if (requestsPerMinute !== undefined) this.requests = new TokenBucket(requestsPerMinute, MINUTE_MS, now);
    if (tokensPerMinute !== undefined) this.tokens = new TokenBucket(tokensPerMinute, MINUTE_MS, now);
  }

  get models(): readonly string[] | undefined {
    return this.key.models;
  }

  /**
   * Books one call by an estimate.
   * @returns corrects it with what the call came to
   * @throws OpenAiProblem 429 beyond a limit, or beyond the budget
   */
  book(estimate: Used): (used: Used) => void {
    this.refuseBeyondBudget(estimate.costUsd);
    const now = this.clock.now();
    const most = this.key.limits?.tokensPerMinute ?? Infinity;
    const waitMs = Math.max(
      this.requests?.waitMs(1, now) ?? 0,
      this.tokens?.waitMs(Math.min(estimate.tokens, most), now) ?? 0,
    );
    if (waitMs > 0)
      throw new OpenAiProblem({
        status: 429,
        code: 'rate_limit_exceeded',
        message: `Team '${this.name}' has no room left this minute.`,
        retryAfterMs: waitMs,
      });
    this.requests?.takeAhead(1, now);
    this.tokens?.takeAhead(estimate.tokens, now);
    this.spentUsd += estimate.costUsd;
    const { period } = this;
    return ({ tokens, costUsd }) => {
      this.tokens?.takeAhead(tokens - estimate.tokens, this.clock.now());
      this.startPeriod();
      if (period === this.period) this.spentUsd = Math.max(0, this.spentUsd + costUsd - estimate.costUsd);
    };
  }

  private refuseBeyondBudget(costUsd: number): void {
    const { budget } = this.key;
    if (budget === undefined) return;
    this.startPeriod();
    if (this.spentUsd < budget.usd && this.spentUsd + costUsd <= budget.usd) return;
    const left = (this.period + 1) * budget.per - this.clock.epochNow();
    const spent = `Team '${this.name}' has spent ${this.spentUsd.toFixed(4)} of ${budget.usd} US dollars`;
    if (budget.then === 'fail')
      throw new OpenAiProblem({
        status: 429,
        type: 'insufficient_quota',
        code: 'insufficient_quota',
        message: `${spent}. The next period begins in ${Math.ceil(left / MINUTE_MS)} minutes.`,
        retryAfterMs: left,
        shouldRetry: false,
      });
    if (this.warnedIn !== this.period) this.logger.warn(`${spent}, and goes on`);
    this.warnedIn = this.period;
  }

  /** Periods begin at multiples of their length since 1970: days at midnight UTC. */
  private startPeriod(): void {
    const { budget } = this.key;
    const period = budget === undefined ? 0 : Math.floor(this.clock.epochNow() / budget.per);
    if (period === this.period) return;
    this.period = period;
    this.spentUsd = 0;
  }
}

export interface Used {
  readonly tokens: number;
  readonly costUsd: number;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

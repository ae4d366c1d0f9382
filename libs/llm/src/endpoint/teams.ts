import { createHash, timingSafeEqual } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@nest-resilience/core';
import type { SharedLimits } from '../chain/shared-limits.js';
import { TargetLimits } from '../chain/target-limits.js';
import type { ResolvedEndpoint, ResolvedKey } from './endpoint.options.js';
import { OpenAiProblem } from './openai-problem.js';

/** Who may use the endpoint, told apart by their keys. */
export class Teams {
  private endpoint: ResolvedEndpoint | undefined;
  private teams: readonly Known[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly shared: SharedLimits | undefined,
  ) {}

  /**
   * @param endpoint in effect now; a team whose options are the same keeps its limits
   * @throws OpenAiProblem 401 for a header without a known key
   */
  of(authorization: string | undefined, endpoint: ResolvedEndpoint): Team {
    if (endpoint !== this.endpoint) this.read(endpoint);
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

  private read(endpoint: ResolvedEndpoint): void {
    this.teams = [...endpoint.keys].map(([name, key]) => {
      const known = this.teams.find(({ team }) => team.name === name);
      if (known && isDeepStrictEqual(known.key, key)) return known;
      const digested = key.sha256 === undefined ? digest(key.token ?? '') : Buffer.from(key.sha256, 'hex');
      return { digest: digested, key, team: new Team(name, key, this.clock, this.shared) };
    });
    this.endpoint = endpoint;
  }
}

interface Known {
  readonly digest: Buffer;
  readonly key: ResolvedKey;
  readonly team: Team;
}

/** What one team may ask for, and what it has used. Its budget is that of a tenant of its name. */
export class Team {
  private readonly limits: TargetLimits;

  constructor(
    readonly name: string,
    private readonly key: ResolvedKey,
    clock: Clock,
    shared: SharedLimits | undefined,
  ) {
    this.limits = new TargetLimits(`llm-team:${name}`, key.limits && { ...key.limits, maxWait: 0 }, clock, shared);
  }

  get models(): readonly string[] | undefined {
    return this.key.models;
  }

  /**
   * Books one call by an estimate.
   * @returns corrects it with the tokens that the call came to
   * @throws OpenAiProblem 429 beyond a limit
   */
  async book(estimatedTokens: number): Promise<(usedTokens: number) => void> {
    // Others may have been let in meanwhile.
    const waitMs = (await this.limits.reserve(estimatedTokens)) || this.limits.waitMs(estimatedTokens);
    if (waitMs > 0)
      throw new OpenAiProblem({
        status: 429,
        code: 'rate_limit_exceeded',
        message: `Team '${this.name}' has no room left this minute.`,
        retryAfterMs: waitMs,
      });
    return this.limits.take(estimatedTokens);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

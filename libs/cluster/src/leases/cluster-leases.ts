import { Injectable } from '@nestjs/common';
import { RedisConnection } from '../connection/redis.connection.js';

const LEAD = `
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** What every replica must be able to do when there is nobody to ask, since it concerns itself. */
const FOR_ITSELF: ReadonlySet<string> = new Set(['checks']);

/** One replica of all for what must run once: `checks`, `auto-redrive`, `retention`. */
@Injectable()
export class ClusterLeases {
  private readonly leads;

  constructor(private readonly redis: RedisConnection) {
    this.leads = redis.script('nr_lead', 1, LEAD);
  }

  /**
   * Whether this replica is the one, for so many milliseconds from now; who asks again in time stays it. Nobody to ask: `true` for `checks`,
   * which each replica then does for itself, and `false` for everything else.
   */
  async lead(name: string, ttlMs: number): Promise<boolean> {
    const key = `${this.redis.names.keys('leases')}:${name}`;
    const { replicaId } = this.redis.options;
    const answer = await this.redis.ask(() => this.leads(key, replicaId, Math.max(1, Math.round(ttlMs))));
    return answer === undefined ? FOR_ITSELF.has(name) : answer === 1;
  }
}

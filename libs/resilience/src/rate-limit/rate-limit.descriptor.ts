import { counter, each, gauge, named, refusedBy } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { sharedState } from '../engine/shared-state.js';
import { RATE_LIMIT, type ResolvedRateLimitOptions } from './rate-limit.options.js';
import { RateLimitPolicy } from './rate-limit.policy.js';
import { type SharedRateLimitOptions, TokenBuckets } from './token-buckets.js';

export const RATE_LIMIT_POLICY = describePolicy({
  options: RATE_LIMIT,
  layers: [{ slot: 'permit', name: 'RateLimit', shows: ['name', 'limit', 'interval', 'maxWait', 'key'] }],
  inFiles: 'Options of @RateLimit.',
  shared: true,
  state: () => new Map<string, TokenBuckets>(),
  stage(options, { context, state, before, warn, ...build }) {
    const name = options.name ?? build.name;
    const declared = sharedOf(options);
    const declaration = { what: `Rate limit '${name}'`, declared, before: before && sharedOf(before), warn };
    const buckets = sharedState(state, name, () => new TokenBuckets(name, declared, context), declaration);
    return new RateLimitPolicy(options, buckets, context);
  },
  figures: (limits) => {
    const label = named('rate_limit');
    // Of limits without a key: those of keys would be a sample per tenant.
    const available = each(() => limits.values(), label, (limit) => limit.snapshot().available); // prettier-ignore
    const help = 'Tokens of a rate limit without a key; below 0 when reserved';
    return [
      gauge('resilience.rate_limit.available', '{token}', help, available),
      counter(
        'resilience.rate_limit.rejections',
        '{attempt}',
        'Attempts refused by a rate limit',
        refusedBy(() => limits.values(), label),
        { series: 'resilience.rate_limit.rejected' },
      ),
    ];
  },
});

function sharedOf({ limit, interval, maxKeys, key }: ResolvedRateLimitOptions): SharedRateLimitOptions {
  return { limit, interval, maxKeys, keyed: key !== undefined };
}

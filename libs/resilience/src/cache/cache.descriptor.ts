import { callKeys } from '../engine/argument-key.js';
import { counter, each, named } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { sharedState } from '../engine/shared-state.js';
import { CACHE } from './cache.options.js';
import { CachePolicy } from './cache.policy.js';
import { CachedResults } from './cached-results.js';

export const CACHE_POLICY = describePolicy({
  options: CACHE,
  layers: [{ slot: 'cache', name: 'Cache', shows: ['name', 'ttl', 'staleIfError', 'key'] }],
  inFiles: 'How long a result serves again, or options of @Cache.',
  state: () => new Map<string, CachedResults>(),
  stage(options, build) {
    const name = options.name ?? build.name;
    const declaration = { ...build, what: `Cache '${name}'`, declared: options };
    const results = sharedState(build.state, name, () => new CachedResults(name, options), declaration);
    const keys = callKeys(build, '@Cache', 'not cached', results.options.key);
    return new CachePolicy(results, keys, build.context, build.refusesResult);
  },
  figures: (caches) => {
    const read = (value: 'hits' | 'misses' | 'stale') =>
      each(() => caches.values(), named('policy'), (cache) => cache[value]); // prettier-ignore
    return [
      counter('resilience.cache.hits', '{call}', 'Calls answered with a fresh result', read('hits')),
      counter('resilience.cache.misses', '{call}', 'Calls that no cached result answered', read('misses')),
      counter('resilience.cache.stale', '{call}', 'Failed calls answered with an older result', read('stale')),
    ];
  },
});

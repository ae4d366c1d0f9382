import type { ChaosCounts } from '../../chaos/chaos-record.js';
import { circuitFamily } from '../../circuit-breaker/circuit-family.js';
import { CIRCUIT_STATES } from '../../circuit-breaker/circuit-breaker.state.js';
import type { ResilienceService } from '../resilience.service.js';
import { byLevel, counter, type DurationFigure, each, eachBy, type Figure, gauge, named, outcomes } from './figure.js';

/** Upper bounds in seconds; they reach up to what a call with retries against a slow model takes. */
export const DURATION_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];

export const CALL_DURATION = {
  kind: 'histogram',
  name: 'resilience.call.duration',
  unit: 's',
  help: 'Duration of whole calls, retries and fallbacks included',
  buckets: DURATION_BUCKETS_SECONDS,
} as const satisfies Omit<DurationFigure, 'read'>;

type Source = 'methodStats' | 'retryBudgets' | 'bulkheads' | 'rateLimits' | 'caches' | 'coalesced' | 'hedges' | 'chaos';

/** What is read of the {@link ResilienceService}. */
export type EngineCounts = Pick<ResilienceService, Source> & { circuits(): Iterable<CircuitCounts> };

interface CircuitCounts {
  readonly name: string;
  readonly state: string;
  snapshot(): { readonly notPermitted: number };
}

const DISTURBANCES = ['fault', 'latency', 'result'] as const;

const ofMethod = named('method');
const ofPolicy = named('policy');
const ofCircuit = named('circuit');
const ofBulkhead = named('bulkhead');
const ofRateLimit = named('rate_limit');

/** What the engine counts. Nothing is added to the cost of a call: it is read when somebody asks. */
export function engineFigures(source: EngineCounts): (Figure | DurationFigure)[] {
  const methods = () => source.methodStats();
  const perMethod = (value: 'attempts' | 'timeouts' | 'deadLettered') =>
    each(methods, ofMethod, ({ stats }) => stats[value]);
  const calls = () => [...methods()].flatMap((method) => outcomes(ofMethod(method), method.stats));
  const fallbacks = eachBy(methods, ofMethod, 'level', ({ stats }) => byLevel(stats.fallbacksByLevel));

  const circuits = () => families(source.circuits());
  const states = eachBy(circuits, ofCircuit, 'state', ({ members }) =>
    CIRCUIT_STATES.map((state) => [state, members.filter((member) => member.state === state).length] as const),
  );
  const refusedByCircuit = each(circuits, ofCircuit, ({ members }) =>
    members.reduce((sum, member) => sum + member.snapshot().notPermitted, 0),
  );

  const budgets = (value: 'active' | 'retrying' | 'limit') =>
    each(() => source.retryBudgets(), ofPolicy, (budget) => budget[value]); // prettier-ignore
  const bulkheads = (value: 'inUse' | 'queued' | 'maxConcurrent') =>
    each(() => source.bulkheads(), ofBulkhead, (bulkhead) => bulkhead.snapshot()[value]); // prettier-ignore
  const refusedBy = (things: () => Iterable<Limit>, labels: typeof ofPolicy) =>
    eachBy(things, labels, 'policy', (limit) => Object.entries(limit.snapshot().rejected));
  // Of limits without a key: those of keys would be a sample per tenant.
  const available = each(() => source.rateLimits(), ofRateLimit, (limit) => limit.snapshot().available); // prettier-ignore

  const caches = (value: 'hits' | 'misses' | 'stale') =>
    each(() => source.caches(), ofPolicy, (cache) => cache[value]); // prettier-ignore
  const joined = each(() => source.coalesced(), ofPolicy, (policy) => policy.joined); // prettier-ignore
  const hedges = (value: 'started' | 'won') =>
    each(() => source.hedges(), ofPolicy, (hedge) => hedge[value]); // prettier-ignore
  // Zeros too: that there is a line at all says that chaos is on.
  const disturbed = eachBy(
    () => source.chaos(),
    ofPolicy,
    'kind',
    (counts: ChaosCounts) => DISTURBANCES.map((kind) => [kind, counts[kind]] as const),
  );

  const [CALL, ATTEMPT] = ['{call}', '{attempt}'];
  const refused = (of: string) => ({ series: `resilience.${of}.rejected` });
  return [
    counter('resilience.calls', CALL, 'Finished calls', calls),
    counter('resilience.attempts', ATTEMPT, 'Times a method was entered', perMethod('attempts')),
    counter('resilience.timeouts', ATTEMPT, 'Attempts that timed out', perMethod('timeouts')),
    counter('resilience.fallbacks', CALL, 'Calls rescued by a fallback', fallbacks),
    counter('resilience.dead_lettered', CALL, 'Calls handed to the dead letters', perMethod('deadLettered')),
    { ...CALL_DURATION, read: each(methods, ofMethod, ({ stats }) => stats.durations) },
    gauge(
      'resilience.circuit.state',
      '{circuit}',
      '1 for the state a circuit is in; of a keyed breaker, how many of its circuits are',
      states,
    ),
    counter('resilience.circuit.rejections', CALL, 'Calls refused by a circuit', refusedByCircuit, refused('circuit')),
    gauge(
      'resilience.retry_budget.active',
      CALL,
      'Calls in flight of a policy that retries within a budget',
      budgets('active'),
    ),
    gauge(
      'resilience.retry_budget.retrying',
      CALL,
      'Of these, calls that wait for or run a retry',
      budgets('retrying'),
    ),
    gauge('resilience.retry_budget.limit', CALL, 'How many may be retrying now', budgets('limit')),
    gauge('resilience.bulkhead.in_use', ATTEMPT, 'Attempts that hold a place in a bulkhead', bulkheads('inUse')),
    gauge('resilience.bulkhead.queued', ATTEMPT, 'Attempts that wait for a place in a bulkhead', bulkheads('queued')),
    gauge('resilience.bulkhead.limit', ATTEMPT, 'Places of a bulkhead', bulkheads('maxConcurrent')),
    counter(
      'resilience.bulkhead.rejections',
      ATTEMPT,
      'Attempts refused by a bulkhead',
      refusedBy(() => source.bulkheads(), ofBulkhead),
      refused('bulkhead'),
    ),
    gauge(
      'resilience.rate_limit.available',
      '{token}',
      'Tokens of a rate limit without a key; below 0 when reserved',
      available,
    ),
    counter(
      'resilience.rate_limit.rejections',
      ATTEMPT,
      'Attempts refused by a rate limit',
      refusedBy(() => source.rateLimits(), ofRateLimit),
      refused('rate_limit'),
    ),
    counter('resilience.cache.hits', CALL, 'Calls answered with a fresh result', caches('hits')),
    counter('resilience.cache.misses', CALL, 'Calls that no cached result answered', caches('misses')),
    counter('resilience.cache.stale', CALL, 'Failed calls answered with an older result', caches('stale')),
    counter('resilience.coalesced', CALL, 'Calls that joined a running one', joined),
    counter('resilience.hedges.started', ATTEMPT, 'Attempts that joined another', hedges('started')),
    counter('resilience.hedges.won', ATTEMPT, 'Hedges that answered first', hedges('won')),
    counter('resilience.chaos.injected', ATTEMPT, 'Attempts disturbed on purpose', disturbed),
  ];
}

interface Limit {
  readonly name: string;
  snapshot(): { readonly rejected: Readonly<Record<string, number>> };
}

/** The circuits of a keyed breaker share one name and are counted per state: keys come from arguments. */
function families(circuits: Iterable<CircuitCounts>): { readonly name: string; readonly members: CircuitCounts[] }[] {
  const byName = new Map<string, CircuitCounts[]>();
  for (const circuit of circuits) {
    const name = circuitFamily(circuit.name);
    byName.set(name, [...(byName.get(name) ?? []), circuit]);
  }
  return [...byName].map(([name, members]) => ({ name, members }));
}

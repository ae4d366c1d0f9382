import type { CallStats } from '../../engine/call-stats.js';
import {
  byLevel,
  counter,
  type DurationFigure,
  each,
  eachBy,
  type Figure,
  named,
  outcomes,
} from '../../engine/figure.js';

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

/** What is counted of every protected call. Nothing is added to its cost: it is read when somebody asks. */
export function callFigures(stats: ReadonlyMap<string, CallStats>): (Figure | DurationFigure)[] {
  const methods = () => [...stats].map(([name, counts]) => ({ name, stats: counts }));
  const ofMethod = named('method');
  const perMethod = (value: 'attempts' | 'timeouts' | 'deadLettered') =>
    each(methods, ofMethod, ({ stats }) => stats[value]);
  const calls = () => methods().flatMap((method) => outcomes(ofMethod(method), method.stats));
  const fallbacks = eachBy(methods, ofMethod, 'level', ({ stats }) => byLevel(stats.fallbacksByLevel));
  const [CALL, ATTEMPT] = ['{call}', '{attempt}'];
  return [
    counter('resilience.calls', CALL, 'Finished calls', calls),
    counter('resilience.attempts', ATTEMPT, 'Times a method was entered', perMethod('attempts')),
    counter('resilience.timeouts', ATTEMPT, 'Attempts that timed out', perMethod('timeouts')),
    counter('resilience.fallbacks', CALL, 'Calls rescued by a fallback', fallbacks),
    counter('resilience.dead_lettered', CALL, 'Calls handed to the dead letters', perMethod('deadLettered')),
    { ...CALL_DURATION, read: each(methods, ofMethod, ({ stats }) => stats.durations) },
  ];
}

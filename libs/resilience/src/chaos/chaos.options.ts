import * as option from '../engine/option/index.js';
import { type Disturbance, DISTURBANCE_KINDS, fault, latency, result } from './disturbance.js';

const OPTIONS = option.options(
  {
    /** Share of attempts that are disturbed, 0 to 1. */
    rate: option.required(option.number(undefined, { min: 0, max: 1 })),
    /** Thrown instead of calling the method. A function makes a new error for each attempt. */
    fault,
    /** Added to what the method takes; of a pair, anything between. A synchronous method cannot be made slow. */
    latency,
    /** Answered instead of calling the method; a function is called for it each time. */
    result,
    /** A function is asked for each attempt; `false` is the same as no `@Chaos` at all. @default true */
    enabled: option.either(option.flag(true), option.fn<() => boolean>(), 'true, false or a function () => boolean'),
    /** From this moment on nothing is disturbed: ISO 8601, or a Date. @default never */
    until: option.custom<string | Date, number>(readUntil),
    /** What the environment variable NEST_RESILIENCE_CHAOS calls it in production. @default `Class.method` */
    name: option.text(),
  },
  {
    check: ({ given, at, input }) => {
      const kinds = DISTURBANCE_KINDS.filter((kind) => given[kind] !== undefined);
      // A result of `undefined` is one too.
      const count = kinds.length === 0 && 'result' in given ? 1 : kinds.length;
      if (count !== 1) at.refuse(input, 'exactly one of fault, latency and result');
    },
  },
);

/** Options of `@Chaos`: `rate`, and exactly one of `fault`, `latency` and `result`. */
export interface ChaosOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

export const CHAOS = option.map(OPTIONS, ({ fault, latency, result, ...rest }) => {
  const disturbance: Disturbance = fault ?? latency ?? result ?? { kind: 'result', make: () => undefined };
  return { ...rest, disturbance };
});

export const DEFAULT_CHAOS_OPTIONS = CHAOS.default;

/** `until` in epoch milliseconds. */
export type ResolvedChaosOptions = option.OutOf<typeof CHAOS>;

export const readChaosOptions = option.readerOf(CHAOS);

/** `Date.parse` alone takes nearly anything: '5' is a day in 2001. */
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T.+)?$/;

function readUntil(value: unknown, at: option.Place): number | undefined {
  const isoText = typeof value === 'string' && ISO_DATE.test(value) ? value : '';
  const until = value instanceof Date ? value.getTime() : Date.parse(isoText);
  if (!Number.isNaN(until)) return until;
  return at.refuse(value, "an ISO date such as '2026-12-31' or '2026-12-31T18:00:00Z', or a valid Date");
}

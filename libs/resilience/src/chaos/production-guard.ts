import { ResilienceOptionsError } from '../engine/errors.js';

const ALLOWED_NAMES = 'NEST_RESILIENCE_CHAOS';

/**
 * Chaos that was forgotten in the code must not reach customers: in production it needs a second yes, outside of the code.
 * @throws ResilienceOptionsError where NODE_ENV is production and NEST_RESILIENCE_CHAOS does not name it
 */
export function refuseInProduction(policy: string, name: string): void {
  if (process.env['NODE_ENV'] !== 'production') return;
  const allowed = (process.env[ALLOWED_NAMES] ?? '').split(',').map((one) => one.trim());
  if (allowed.includes(name) || allowed.includes('*')) return;
  throw new ResilienceOptionsError([
    {
      path: `${policy} > chaos`,
      value: 'chaos where NODE_ENV is production',
      allowed: `the environment variable ${ALLOWED_NAMES}=${name} to allow it (names with commas between them, * for all), or no chaos here`,
    },
  ]);
}

import { family } from './family.js';

export const OWN = family({
  name: 'nest-resilience',
  shape: '`code` that begins with `RESILIENCE_`',
  sources: ['`ResilienceErrorCode`'],
  keysOf: ({ code }) => (typeof code === 'string' && code.startsWith('RESILIENCE_') ? [code] : undefined),
  rows: {
    circuit_open: 'RESILIENCE_CIRCUIT_OPEN',
    bulkhead_full: 'RESILIENCE_BULKHEAD_FULL',
    rate_limit: 'RESILIENCE_RATE_LIMITED',
    timeout: 'RESILIENCE_TIMEOUT RESILIENCE_SHUTDOWN',
    quota: 'RESILIENCE_LLM_BUDGET',
    aborted: 'RESILIENCE_CLIENT_GONE RESILIENCE_RUN_STOPPED',
    bad_request: 'RESILIENCE_OPTIONS RESILIENCE_WORKFLOW_UNUSABLE_VALUE',
    invalid_output: 'RESILIENCE_LLM_INVALID_ANSWER RESILIENCE_LLM_ANSWER_TOO_LARGE',
    content_policy: 'RESILIENCE_LLM_REFUSED',
  },
});

import { describe, expect, it } from '@jest/globals';
import { healthReasons } from './health-gate.js';

const checks = [
  { name: 'database', critical: true, status: 'up' },
  { name: 'slow', critical: true, status: 'degraded', reason: 'slow today' },
  { name: 'llm', critical: true, status: 'down', reason: 'no answer' },
  { name: 'cache', critical: false, status: 'down' },
  { name: 'new', critical: true, status: 'pending' },
] as const;

describe('the health gate', () => {
  it.each<[what: string, required: boolean | string[], reasons: string[]]>([
    ['nothing', false, []],
    ['all critical checks', true, ['llm: no answer', 'new: has not run yet']],
    ['what is up or degraded', ['database', 'slow'], []],
    ['what is not critical, when it is named', ['cache'], ['cache: down']],
    ['what does not exist', ['lmm'], ['lmm: no such check; known: database, slow, llm, cache, new']],
  ])('with a need for %s', (_, required, reasons) => {
    expect(healthReasons(required, checks)).toEqual(reasons);
  });

  it('refuses without a report, unless nothing is required', () => {
    expect(healthReasons(true, undefined)).toEqual([expect.stringMatching(/no HealthModule/)]);
    expect(healthReasons(false, undefined)).toEqual([]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { DEFAULT_WORKFLOW_LIMITS, readLimits } from './workflow.limits.js';

describe('the limits of workflows', () => {
  it('have these defaults', () => {
    expect(DEFAULT_WORKFLOW_LIMITS).toEqual({
      parallelNodes: 8,
      running: 50,
      queued: 1_000,
      inputBytes: 1_048_576,
      resultBytes: 1_048_576,
      listBytes: 16_777_216,
      shutdownMs: 10_000,
      waitMs: 60_000,
      followers: 1_000,
    });
    expect(readLimits(undefined)).toEqual(DEFAULT_WORKFLOW_LIMITS);
  });

  it('take durations as texts', () => {
    expect(readLimits({ shutdown: '2s', wait: 500 })).toMatchObject({ shutdownMs: 2_000, waitMs: 500 });
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { CountWindow } from './count-window.js';
import { SmallCountWindow } from './small-count-window.js';

describe('The count windows', () => {
  it('agree with a plain list of the last outcomes, whatever comes', () => {
    const outcomes = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 120, size: 'max' });

    fc.assert(
      fc.property(fc.integer({ min: 1, max: 75 }), outcomes, (size, history) => {
        const windows = [new CountWindow(size), ...(size <= 30 ? [new SmallCountWindow(size)] : [])];
        for (const window of windows) for (const [failed, slow] of history) window.record(failed, slow);

        const last = history.slice(-size);
        for (const window of windows) {
          expect([window.calls, window.failures, window.slowCalls]).toEqual([
            last.length,
            last.filter(([failed]) => failed).length,
            last.filter(([, slow]) => slow).length,
          ]);
        }
      }),
    );
  });

  it('are empty after clear', () => {
    const window = new SmallCountWindow(3);
    window.record(true, true);

    window.clear();

    expect(window).toMatchObject({ calls: 0, failures: 0, slowCalls: 0 });
  });
});

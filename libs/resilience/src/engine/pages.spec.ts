import { describe, expect, it } from '@jest/globals';
import { fittingOnPage, isCursor, MAX_PAGE_BYTES, MAX_SHOWN_BYTES, pageOf, Turns } from './pages.js';

const item = (id: string, bytes: number) => ({ id, text: 'x'.repeat(bytes) });

describe('A page', () => {
  it('is bounded by these', () => {
    expect({ MAX_PAGE_BYTES, MAX_SHOWN_BYTES }).toEqual({ MAX_PAGE_BYTES: 4_194_304, MAX_SHOWN_BYTES: 65_536 });
  });

  it('ends before the item that is too much, with a cursor to go on from', async () => {
    const items = [item('a', 2_000_000), item('b', 2_000_000), item('c', 2_000_000), item('d', 5_000_000)];

    const page = await pageOf({ items, nextCursor: 'd' }, ({ id }) => id);

    expect(page).toEqual({ items: ['a', 'b'], nextCursor: 'b' });
    expect(fittingOnPage(items.map(({ text }) => text.length))).toBe(2);
  });

  it('has one item at least, and all with the cursor of the store where they fit', async () => {
    expect(await pageOf({ items: [item('a', 5_000_000), item('b', 1)], nextCursor: null }, ({ id }) => id)).toEqual({ items: ['a'], nextCursor: 'a' }); // prettier-ignore
    expect(await pageOf({ items: [item('a', 1)], nextCursor: 'z' }, ({ id }) => id)).toEqual({ items: ['a'], nextCursor: 'z' }); // prettier-ignore
    expect(await pageOf({ items: [], nextCursor: null }, (it) => it)).toEqual({ items: [], nextCursor: null });
    expect([fittingOnPage([5_000_000, 1]), fittingOnPage([1, 5_000_000]), fittingOnPage([])]).toEqual([1, 1, 0]);
  });
});

describe('Turns', () => {
  it('let others go on in the middle of long work', async () => {
    const turns = new Turns();
    let others = 0;
    const timer = setInterval(() => others++, 1);

    for (const begun = performance.now(); others === 0 && performance.now() - begun < 60_000;) await turns.take();

    clearInterval(timer);
    expect(others).toBeGreaterThan(0);
  });
});

describe('isCursor', () => {
  it.each(['', 'anything', "x' or 1=1--", '\0', '0', 'undefined', '018f3c5e-0000-7000-8000-00000000000', 7, null, {}])('is not %j', (value) => {
    expect(isCursor(value)).toBe(false);
  }); // prettier-ignore

  it('is an id, in either case', () => {
    expect(isCursor('018f3c5e-0000-7000-8000-00000000000a')).toBe(true);
    expect(isCursor('018F3C5E-0000-7000-8000-00000000000A')).toBe(true);
  });
});

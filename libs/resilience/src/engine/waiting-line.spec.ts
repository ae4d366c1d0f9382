import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { type Place, WaitingLine } from './waiting-line.js';

describe('A waiting line', () => {
  it('does what an array does, whoever joins and leaves', () => {
    const moves = fc.array(fc.oneof(fc.constant('join' as const), fc.nat(20)), { maxLength: 60 });

    fc.assert(
      fc.property(moves, (history) => {
        const line = new WaitingLine<number>();
        const places: Place<number>[] = [];
        for (const [number, move] of history.entries()) {
          if (move === 'join') places.push(line.join(number));
          else for (const place of places.splice(move, 1)) line.leave(place);

          const waiting: number[] = [];
          for (let { first } = line; first !== undefined; first = first.behind) waiting.push(first.waiter);
          expect(waiting).toEqual(places.map(({ waiter }) => waiter));
          expect(line.length).toBe(places.length);
        }
      }),
    );
  });
});

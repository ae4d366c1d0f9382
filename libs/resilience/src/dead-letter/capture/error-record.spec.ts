import { describe, expect, it } from '@jest/globals';
import { storeError } from './error-record.js';
import type { StoredError } from '../dead-letter.entry.js';
import { createRedactor } from './redact.js';

const redactor = createRedactor([]);

/** Errors in the tree. */
function count({ cause, errors = [] }: StoredError): number {
  return 1 + (cause ? count(cause) : 0) + errors.reduce((sum, error) => sum + count(error), 0);
}

function tree(wide: number, deep: number): Error {
  if (deep === 0) return new Error('a leaf');
  return new AggregateError(
    Array.from({ length: wide }, () => tree(wide, deep - 1)),
    `level ${deep}`,
  );
}

/** Grows without end, one look at a time. */
function endless(): Error {
  return Object.defineProperty(new AggregateError([], 'endless'), 'errors', {
    get: () => Array.from({ length: 10 }, endless),
  });
}

describe('an error that is a tree', () => {
  it.each([
    ['ten of ten of ten of ten', tree(10, 4)],
    ['a thousand in a row', tree(1_000, 1)],
    ['one that grows as it is read', endless()],
    ['causes of causes that are aggregates', new Error('top', { cause: new Error('next', { cause: endless() }) })],
  ])('is stored as far as somebody would read it: %s', (_, error) => {
    expect(count(storeError(error, redactor))).toBeLessThanOrEqual(60);
  });

  it('keeps a small tree whole', () => {
    const stored = storeError(tree(3, 2), redactor);

    expect(count(stored)).toBe(13);
    expect(stored.errors?.[0]?.errors?.[2]?.message).toBe('a leaf');
  });

  it('follows no cycle', () => {
    const error = new AggregateError([], 'round');
    error.errors.push(error, new Error('and back', { cause: error }));

    expect(count(storeError(error, redactor))).toBe(2);
  });

  it('keeps what can be read beside a part that cannot', () => {
    const broken = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('not for you');
      },
    });

    const stored = storeError(new AggregateError([broken, new Error('fine')], 'both'), redactor);

    expect(stored.message).toBe('both');
    expect(stored.errors?.map(({ message }) => message)).toEqual(['[the error could not be read]', 'fine']);
  });
});

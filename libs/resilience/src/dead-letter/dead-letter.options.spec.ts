import { describe, expect, it } from '@jest/globals';
import { ResilienceOptionsError } from '../engine/errors.js';
import { type DeadLetterOptions, DEFAULT_DEAD_LETTER_OPTIONS, readDeadLetterOptions } from './dead-letter.options.js';

const PATH = 'OrderService.charge > @DeadLetter';

describe('the options of @DeadLetter', () => {
  it('have these defaults', () => {
    expect(DEFAULT_DEAD_LETTER_OPTIONS).toEqual({
      queue: 'default',
      capture: 'unrecovered',
      rethrow: true,
      serializeArgs: undefined,
      reviveArgs: undefined,
      redact: [],
      idempotencyKey: undefined,
      maxRedrives: 5,
      maxArgsBytes: 65_536,
      blob: false,
      maxBlobBytes: 8_388_608,
    });
    expect(readDeadLetterOptions(undefined, PATH)).toEqual(DEFAULT_DEAD_LETTER_OPTIONS);
  });

  it('may be just the name of a queue', () => {
    expect(readDeadLetterOptions('payments', PATH)).toEqual({ ...DEFAULT_DEAD_LETTER_OPTIONS, queue: 'payments' });
  });

  it('report every problem at once', () => {
    const options = {
      queue: '',
      capture: 'exausted',
      maxRedrives: 0,
      redact: ['a..b'],
      reviveArgs: () => [],
      retrow: false,
    };

    const read = () => readDeadLetterOptions(options as unknown as DeadLetterOptions, PATH);

    expect(read).toThrow(ResilienceOptionsError);
    expect(read).toThrow(/6 options/);
    expect(read).toThrow(/capture: got 'exausted'.*did you mean 'exhausted'/);
    expect(read).toThrow(/redact\[0\]: got 'a..b', expected a path such as/);
    expect(read).toThrow(/serializeArgs: got undefined, expected a function, because reviveArgs is given/);
    expect(read).toThrow(/did you mean 'rethrow'/);
  });
});

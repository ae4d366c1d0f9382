import { describe, expect, it } from '@jest/globals';
import { plainDetails } from './event-details.js';

describe('plainDetails', () => {
  it('shows an error by name, message and code: no stack, no arguments, no secrets', () => {
    const error = Object.assign(new TypeError('login failed for token=abc123def, try again'), {
      code: 'E_LOGIN',
      args: ['4111 1111 1111 1111'],
    });

    expect(plainDetails({ policy: 'Orders.charge', error })).toEqual({
      policy: 'Orders.charge',
      error: { name: 'TypeError', message: 'login failed for token=[redacted], try again', code: 'E_LOGIN' },
    });
  });

  it('shows what was thrown without being an Error, and errors inside of lists and objects', () => {
    const details = plainDetails({
      error: 'down',
      errors: [new Error('first'), { message: 'second', name: 'Odd', body: 'x' }],
      tries: [{ provider: 'a', error: new RangeError('third') }],
    });

    expect(details).toEqual({
      error: { name: 'NonError', message: 'thrown: down' },
      errors: [
        { name: 'Error', message: 'first' },
        { name: 'Odd', message: 'second' },
      ],
      tries: [{ provider: 'a', error: { name: 'RangeError', message: 'third' } }],
    });
  });

  it('shows no error where there was none, as when a result was not accepted', () => {
    expect(plainDetails({ policy: 'a', error: undefined })).toEqual({ policy: 'a' });
  });

  it('blanks texts under secret names, and leaves numbers such as counts of tokens', () => {
    expect(plainDetails({ apiKey: 'k-123', usage: { inputTokens: 12 }, url: 'http://u:pw@host/' })).toEqual({
      apiKey: '[redacted]',
      usage: { inputTokens: 12 },
      url: 'http://u:[redacted]@host/',
    });
  });

  it('cuts what is long, deep, wide or circular', () => {
    const circular: Record<string, unknown> = { name: 'a' };
    circular['self'] = circular;

    const details = plainDetails({ text: 'x'.repeat(10_000), list: Array.from({ length: 100 }, () => 1), circular });

    expect(details['text']).toHaveLength(500);
    expect(details['list']).toHaveLength(20);
    expect(JSON.stringify(details)).toContain('"circular":{"name":"a","self":{"name":"a","self":{"name":"a"}}}');
  });

  it('never throws', () => {
    const hostile = {
      get error(): unknown {
        throw new Error('no');
      },
    };

    expect(plainDetails(hostile)).toEqual({ unreadable: true });
    expect(plainDetails({ big: 1n, fn: () => 1, nothing: undefined, symbol: Symbol('s') })).toEqual({
      big: '1',
      symbol: 'Symbol(s)',
    });
  });
});

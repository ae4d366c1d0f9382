import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_DEAD_LETTER_OPTIONS, type ResolvedDeadLetterOptions } from '../dead-letter.options.js';
import { decodeArgs, encodeArgs } from './serializer.js';

function encode(args: unknown[], change: Partial<ResolvedDeadLetterOptions> = {}) {
  return encodeArgs(args, { ...DEFAULT_DEAD_LETTER_OPTIONS, ...change });
}

/** As a store does it: through text. */
function throughStore(args: unknown[]): readonly unknown[] {
  const encoded = encode(args);
  expect(encoded.notReplayable).toEqual([]);
  return decodeArgs(JSON.parse(JSON.stringify(encoded.args)));
}

describe('stored arguments come back as they were', () => {
  it.each<[string, unknown]>([
    ['plain values', { a: 1, b: 'x', c: null, d: [true, false], e: { f: [] } }],
    ['undefined', [undefined, { here: undefined }]],
    ['numbers that JSON cannot hold', [NaN, Infinity, -Infinity, -0]],
    ['Date', new Date('2026-03-04T05:06:07.089Z')],
    ['Map', new Map<unknown, unknown>([['a', { b: new Date(5) }], [7, new Set([1])], [{ k: 1 }, 'v']])], // prettier-ignore
    ['Set', new Set([1, 'two', new Date(3)])],
    ['BigInt', 2n ** 70n],
    ['RegExp', /a+b\/c/giu],
    ['URL', new URL('https://example.org/a?b=c#d')],
    ['Buffer', Buffer.from([0, 1, 254, 255])],
    [
      'typed arrays',
      [new Uint8Array([1, 2]), new Float64Array([0.5, NaN]), new BigInt64Array([-1n]), new Int16Array(3)],
    ],
    ['ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['keys with dots', { 'a.b': new Date(1), 'c\\d': { 'e.f': new Map([['g.h', 1n]]) } }],
  ])('%s', (_, value) => {
    expect(throughStore([value, 'next'])).toEqual([value, 'next']);
  });

  it('Buffers as Buffers, and a view as only what it shows', () => {
    const whole = Buffer.from('secretly larger');
    const [buffer, view] = throughStore([whole.subarray(0, 8), new Uint8Array(whole.buffer, whole.byteOffset, 3)]);

    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect(String(buffer)).toBe('secretly');
    expect(view).toHaveLength(3);
  });

  it('errors, with their own properties and causes', () => {
    const root = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    const error = Object.assign(new TypeError('failed', { cause: root }), { status: 502, at: new Date(5) });

    const [back] = throughStore([error]) as [TypeError & { status: number; at: Date; cause: { code: string } }];

    expect(back).toBeInstanceOf(TypeError);
    expect([back.name, back.message, back.status, back.at]).toEqual(['TypeError', 'failed', 502, new Date(5)]);
    expect(back.cause).toBeInstanceOf(Error);
    expect(back.cause.code).toBe('ECONNRESET');
    expect(back.stack).toContain('serializer.spec');
  });

  it('cycles, and one object in two places as one object', () => {
    const node: Record<string, unknown> = { name: 'loop' };
    node['self'] = node;
    const shared = { when: new Date(1) };

    const [first, list] = throughStore([node, [shared, shared]]) as [typeof node, [object, object]];

    expect(first['self']).toBe(first);
    expect(list[0]).toBe(list[1]);
  });

  it('a DTO as its data', () => {
    class OrderDto {
      constructor(
        readonly id: string,
        readonly at: Date,
      ) {}
    }

    expect(throughStore([new OrderDto('A-1', new Date(1))])).toEqual([{ id: 'A-1', at: new Date(1) }]);
  });
});

describe('what cannot be stored', () => {
  it('an AbortSignal is dropped without a word', () => {
    const { signal } = new AbortController();

    expect(throughStore(['a', { signal, limit: 5 }, signal])).toEqual(['a', { limit: 5 }, undefined]);
  });

  it('is marked, named, and makes the entry not replayable', () => {
    class Order {
      readonly id = 'A-1';
      total() {
        return 5;
      }
    }

    const encoded = encode([
      'kept',
      { done: function finish() {} },
      new Socket(),
      Readable.from([]),
      Promise.resolve(),
      new Order(),
      Symbol('s'),
    ]);

    expect(encoded.replayable).toBe(false);
    expect(encoded.notReplayable).toEqual([
      'args[1].done is a function',
      'args[2] is a Socket, which lives only in its process',
      'args[3] is a Readable, which lives only in its process',
      'args[4] is a Promise, which lives only in its process',
      'args[5] is an instance of Order, whose methods cannot be stored',
      'args[6] is a symbol',
    ]);
    expect(encoded.args.json).toEqual([
      ...['kept', { done: '[function finish]' }, '[Socket]', '[Readable]', '[Promise]', { id: 'A-1' }, '[Symbol(s)]'],
    ]);
  });

  it('arguments above the limit are cut so that a person still recognises them', () => {
    const encoded = encode(['A-1', 'x'.repeat(100_000)]);

    expect(encoded.replayable).toBe(false);
    expect(encoded.notReplayable[0]).toBe('the arguments are larger than maxArgsBytes (65536 bytes)');
    expect(encoded.notReplayable[1]).toBe('args[1] cut after 2000 characters');
    expect((encoded.args.json as string[])[0]).toBe('A-1');
    expect((encoded.args.json as string[])[1]).toMatch(/^x{2000}\.\.\. \[98000 more characters\]$/);
  });

  it.each<[string, () => unknown]>([
    ['a long list', () => Array.from({ length: 1_000_000 }, (_, i) => ({ i }))],
    ['a wide object', () => Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key${i}`, i]))],
    ['a large Buffer', () => Buffer.alloc(5_000_000)],
    ['many long texts', () => Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => 'y'.repeat(3_000)))],
    [
      'one that doubles at every level',
      () => Array.from({ length: 60 }).reduce<unknown>((inner) => [inner, inner], 'x'),
    ],
    [
      'one nested 100,000 levels deep',
      () => Array.from({ length: 100_000 }).reduce<unknown>((inner) => ({ inner }), 'x'),
    ],
    ['wide characters', () => '漢'.repeat(40_000)],
  ])('never more than the limit: %s', (_, make) => {
    const encoded = encode([make()]);

    expect(encoded.replayable).toBe(false);
    expect(Buffer.byteLength(JSON.stringify(encoded.args))).toBeLessThanOrEqual(65_536);
  });

  it('a getter that throws and a proxy that lies cost themselves, not the entry', () => {
    const hostile = { get boom(): never { throw new Error('no'); }, kept: 1 }; // prettier-ignore
    const proxy = new Proxy({}, { ownKeys: () => { throw new Error('no'); }, get: () => { throw new Error('no'); } }); // prettier-ignore

    expect(encode([hostile]).args.json).toEqual([{ boom: null, kept: 1 }]);
    expect(encode([proxy]).replayable).toBe(false);
  });
});

describe('prototypes stay what they are', () => {
  it('a key that could reach one is not stored', () => {
    const encoded = encode([JSON.parse('{"__proto__": {"admin": true}, "constructor": 1, "kept": 1}')]);

    expect(encoded.args.json).toEqual([{ kept: 1 }]);
    expect(encoded.replayable).toBe(false);
    expect(encoded.notReplayable.join()).toContain("args[0] has the key '__proto__'");
  });

  it.each([
    ['in the values', { json: JSON.parse('[{"__proto__": {"admin": true}}]') }],
    ['in a path of the notes', { json: [{}], meta: { values: { '0.__proto__.admin': ['Date'] } } }],
    [
      'in an equality of the notes',
      { json: [{}], meta: { referentialEqualities: { '0': ['0.constructor.prototype'] } } },
    ],
  ])('a stored text that names one is refused: %s', (_, stored) => {
    expect(() => decodeArgs({ encoding: 'superjson', ...stored })).toThrow();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("a method's own serialisation", () => {
  const own = {
    serializeArgs: (args: readonly unknown[]) => ({ id: (args[0] as { id: string }).id }),
    reviveArgs: (stored: unknown) => [{ id: (stored as { id: string }).id, loaded: true }],
  };

  it('is used both ways', () => {
    const { args, replayable } = encode([{ id: 'A-1', socket: new Socket() }], own);

    expect(args).toEqual({ encoding: 'custom', json: { id: 'A-1' } });
    expect(replayable).toBe(true);
    expect(decodeArgs(args, own.reviveArgs)).toEqual([{ id: 'A-1', loaded: true }]);
  });

  it('that throws costs the arguments, not the entry', () => {
    const encoded = encode([undefined], own);

    expect(encoded.replayable).toBe(false);
    expect(encoded.notReplayable[0]).toMatch(/^the arguments could not be serialised: /);
  });

  it('is redacted like any other', () => {
    const encoded = encode(['x'], { ...own, serializeArgs: () => ({ password: 'hunter22' }) });

    expect(encoded.args.json).toEqual({ password: '[redacted]' });
    expect(encoded.replayable).toBe(false);
  });
});

describe('arguments larger than maxArgsBytes', () => {
  const large = [{ at: new Date(5), text: 'x'.repeat(100_000) }, new Map([['k', 1n]])];

  it('are kept whole with blob, beside an excerpt for people', () => {
    const encoded = encode(large, { blob: true });

    const stored = JSON.parse(JSON.stringify(encoded.args)) as typeof encoded.args;
    expect(encoded).toMatchObject({ replayable: true, notReplayable: [] });
    expect(decodeArgs(stored)).toEqual(large);
    expect(JSON.stringify(stored.json).length).toBeLessThan(DEFAULT_DEAD_LETTER_OPTIONS.maxArgsBytes);
    expect(JSON.stringify(stored.json)).toContain('98000 more characters');
  });

  it('are kept whole in a form of their own too', () => {
    const codec = {
      serializeArgs: (args: readonly unknown[]) => ({ text: args[0] }),
      reviveArgs: (json: unknown) => [json],
    };
    const encoded = encode(['y'.repeat(100_000)], { ...codec, blob: true });

    expect(encoded.replayable).toBe(true);
    expect(decodeArgs(encoded.args, codec.reviveArgs)).toEqual([{ text: 'y'.repeat(100_000) }]);
  });

  it('are free of secrets in the blob as elsewhere', () => {
    const encoded = encode([{ password: 'hunter2222', text: 'x'.repeat(100_000) }], { blob: true });

    expect(encoded).toMatchObject({ replayable: false, redacted: ['args[0].password'] });
    expect(JSON.stringify(decodeArgs(encoded.args))).not.toContain('hunter2222');
  });

  it('are cut when even a blob has no room for them', () => {
    const encoded = encode(large, { blob: true, maxBlobBytes: 80_000 });

    expect(encoded.replayable).toBe(false);
    expect(encoded.notReplayable[0]).toBe('the arguments are larger than maxBlobBytes (80000 bytes)');
    expect(encoded.args.blob).toBeUndefined();
  });

  it('that unpack to more than anything that was ever packed are refused', () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000)).toString('base64');

    expect(() => decodeArgs({ encoding: 'superjson', json: [], blob: bomb })).toThrow();
  });
});

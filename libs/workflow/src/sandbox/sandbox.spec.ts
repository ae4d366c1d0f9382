import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { compileExpression } from '../expression/expression.js';
import { compileJsonata } from '../expression/jsonata.js';
import { inputCheck } from '../graph/input-check.js';
import { pack, unpack } from './parcel.js';
import { Sandbox, SandboxLimitError } from './sandbox.js';
import { DEFAULT_SANDBOX_LIMITS } from './sandbox.tasks.js';

const input = {
  text: 'Total 12.50 EUR',
  list: [3, 1, 2],
  nested: { b: [{ v: 1 }, { v: 2 }], a: null },
  '10': 'ten',
  ['__proto__x']: 1,
};

/** Each of a kind that nobody can tell the cost of, so that it is evaluated by the other process. */
const EXPRESSIONS = [
  '$sort(input.list)',
  '$sort(input.nested.b, function($a, $b) { $a.v < $b.v }).v',
  '$sort(["b", "a", "C"])',
  '$sort([1, "a"])',
  '$sort(input.nothing)',
  '$spread(input.nested)',
  '$spread([input.nested, {}])',
  '$spread([{}])',
  '$spread([])',
  '$spread("text")',
  'input.nested.b[v = 2]',
  'input.nested.b[v = 3]',
  'input.nested.b[v > 0].v',
  'input.nested.b[v > 1][]',
  'input.nested.b.(v * 2)',
  'input.list^(>$)',
  '$match(input.text, /([0-9]+)[.]([0-9]+)/)',
  '$replace(input.text, /[0-9]/, "#")',
  '$map(input.list, function($v, $i) { $v * $i })',
  '$reduce(input.list, function($a, $b) { $a + $b })',
  '($x := input.list; { "n": $count($x), "none": $nothing })',
  '$keys(input)',
  '$each(input.nested, function($v, $k) { $k })',
  '$lookup($, "input").text',
  '$string($.input)',
  '1 / 0 ~> $string',
  '[1..3].(-1 * 0)',
  '$nothing',
  'null',
  '$number("x")',
  '$error("stop")',
  '$distinct([input.list, input.list])',
  '*.list',
  '**.v',
  'input.nested ~> |b|{"w": v}|',
];

describe('another process', () => {
  it.each(EXPRESSIONS)('makes the same of %s as this one', async (source) => {
    const settled = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        (value) => ({ value: value === undefined ? 'undefined' : JSON.stringify(value) }),
        (error: Error) => ({ reason: error.message.replace(/^the expression '.*' failed: /s, '') }),
      );

    const there = await settled(compileExpression(source).evaluate({ input }));

    expect(there).toEqual(await settled(compileJsonata(source).evaluate({ input })));
  });

  it('sorts as long a list as a run may have, and spreads one', async () => {
    const list = Array.from({ length: 90_000 }, (_, i) => (i * 7_919) % 90_001);

    const sorted = (await compileExpression('$sort(input)').evaluate({ input: list })) as number[];

    expect([sorted.length, sorted[0], sorted.at(-1)]).toEqual([90_000, 0, 90_000]);
    expect(await compileExpression('$count($spread(input.{ "a": 1 }))').evaluate({ input: list.slice(0, 9_000) })).toBe(
      9_000,
    );
  });

  it('is left out for objects that only this one has', async () => {
    class Money {
      constructor(readonly cents: number) {}
      toJSON(): string {
        return `${this.cents} ct`;
      }
    }

    expect(await compileExpression('$sort([$string(result)])').evaluate({ result: new Money(5) })).toEqual(['"5 ct"']);
  });

  it('is killed and replaced when it needs too much memory', async () => {
    const sandbox = new Sandbox({ ...DEFAULT_SANDBOX_LIMITS, memoryMb: 16, timeoutMs: 60_000, processes: 1 });
    const greedy = '$map([1..300], function($i) { $split($$.t, "") })';
    const scope = { json: JSON.stringify({ t: 'x'.repeat(1_000_000) }) };
    const task = (source: string) => ({ type: 'evaluate' as const, source, scope });

    await expect(sandbox.run(task(greedy))).rejects.toBeInstanceOf(SandboxLimitError);

    expect(await sandbox.run(task('[1..3] ~> $sum'))).toBe(6);
    sandbox.rest();
  });

  it('is replaced when somebody kills it, and its task is done by the next one, unless that is killed too', async () => {
    const killed = async (times: number): Promise<unknown> => {
      const sandbox = new Sandbox({ ...DEFAULT_SANDBOX_LIMITS, processes: 1 });
      const source = '($f := function($n) { $n > 0 ? $f($n - 1) : 7 }; $f(10000))';
      const result = sandbox
        .run({ type: 'evaluate', source, scope: { json: '{}' } })
        .catch((error: Error) => error.message);
      for (let left = times; left > 0; await turn()) {
        const [cell] = (sandbox as unknown as { cells: Set<{ started: boolean; child: ChildProcess }> }).cells;
        if (cell?.started && cell.child.kill('SIGKILL')) {
          await once(cell.child, 'exit');
          left--;
        }
      }
      const settled = await result;
      sandbox.rest();
      return settled;
    };

    expect(await killed(1)).toBe(7);
    expect(await killed(2)).toMatch(/^its process was killed twice \(SIGKILL\)/);
  });

  it('does what many ask for, one after the other', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        compileExpression('$sum($map(input, function($v) { $v }))').evaluate({ input: [i, 1] }),
      ),
    );

    expect(results).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });
});

describe('a check of an input', () => {
  it('ends at a pattern that backtracks for ever', async () => {
    const check = inputCheck({ properties: { t: { pattern: '^(a+)+$' } } });

    await expect(check({ t: `${'a'.repeat(40)}!` })).rejects.toThrow(/takes more than 100 ms/);
  });

  it('keeps several patterns apart', async () => {
    const check = inputCheck({ properties: { t: { pattern: '^[a-z]+$' }, n: { pattern: '^[0-9]+$' } } });

    expect((await check({ t: '1', n: 'a' })).map(({ field }) => field)).toEqual(['t', 'n']);
    expect(await check({ t: 'a', n: '1' })).toEqual([]);
  });

  it('finds the same with a harmless pattern as without', async () => {
    const check = inputCheck({ properties: { t: { pattern: '^[a-z]+$' } }, additionalProperties: false });

    expect(await check({ t: 'abc' })).toEqual([]);
    expect(await check({ t: 'ABC', u: 1 })).toEqual([
      { field: 'u', message: 'is not a known field' },
      { field: 't', message: 'must match pattern "^[a-z]+$"' },
    ]);
  });
});

describe('a parcel', () => {
  const shared = { a: 1 };

  it.each<[string, unknown]>([
    ['JSON', { b: [1, 'x', null, true], a: {} }],
    ['what JSON has no word for', [undefined, NaN, -0, Infinity, 10n]],
    [
      'a cycle',
      (() => {
        const round: unknown[] = [];
        round.push(round);
        return round;
      })(),
    ],
    ['one thing in two places', [shared, shared]],
    ['keys in their order', { z: 1, '2': 2, a: 3, ['__proto__']: 4 }],
  ])('arrives as it left: %s', (_, value) => {
    const parcel = pack(value)!;

    expect(unpack(parcel)).toEqual(value);
    expect(Object.keys(unpack(parcel) as object)).toEqual(Object.keys(value as object));
  });

  it.each<[string, unknown]>([
    ['a function', { f: () => 1 }],
    ['a symbol', Symbol('s')],
    ['an instance', new Map()],
    ['an error', new Error('e')],
  ])('is not made of %s', (_, value) => {
    expect(pack(value)).toBeUndefined();
  });
});

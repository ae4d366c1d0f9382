import { describe, expect, it } from '@jest/globals';
import { compileExpression, ExpressionError, ExpressionSyntaxError } from './expression.js';
import { DEFAULT_EXPRESSION_LIMITS } from './expression.limits.js';
import { compileMapping, compileTemplate } from './mapping.js';

const scope = { input: { raw: 'hello', items: [1, 2, 3] }, parse: { subject: 'Re: lunch', tags: ['a', 'b'] } };

describe('an expression', () => {
  it('reads the input and the results of earlier nodes by name', async () => {
    expect(await compileExpression('$.parse.subject').evaluate(scope)).toBe('Re: lunch');
    expect(await compileExpression('$sum(input.items)').evaluate(scope)).toBe(6);
  });

  it.each([
    ['$.parse.subject & $uppercase(input.raw)', ['parse', 'input']],
    ['parse.tags[$ = wanted].size', ['parse']],
    ['($x := classify; $$.reply.body)', ['classify', 'reply']],
    ['{ "a": first.x, "b": [second, 1] }', ['first', 'second']],
    ['$map(list.items, function($v) { $v.price })', ['list']],
    ['a.b ? c : d', ['a', 'c', 'd']],
    ['$.`with-dash`', ['with-dash']],
  ])('tells which names %s reads', (source, names) => {
    expect([...compileExpression(source).reads].sort()).toEqual([...names].sort());
  });

  it('names the position of a mistake in the text', () => {
    expect(() => compileExpression('parse.subject & ')).toThrow(ExpressionSyntaxError);
  });

  it.each([
    ['an endless loop', '($f := function($n) { $f($n + 1) }; $f(1))'],
    ['an endless recursion', '($f := function($n) { 1 + $f($n + 1) }; $f(1))'],
    ['a huge sequence', '[1..10000000]'],
    ['a huge string', '$pad("x", 1000000000)'],
    ['code from data', '$eval("1 + 1")'],
  ])('ends %s with an error', async (_, source) => {
    await expect(compileExpression(source).evaluate(scope)).rejects.toBeInstanceOf(ExpressionError);
  });

  it.each([
    '$.constructor',
    'input.__proto__',
    '$lookup(input, "constructor")',
    'input.raw.constructor',
    'parse.tags.length.constructor',
  ])('does not reach prototypes through %s', async (source) => {
    expect(await compileExpression(source).evaluate(scope)).toBeUndefined();
  });

  it('has bounds that are public', () => {
    expect(DEFAULT_EXPRESSION_LIMITS).toEqual({
      timeoutMs: 1_000,
      memoryMb: 128,
      stack: 200,
      sequence: 100_000,
      textLength: 4_194_304,
      sourceLength: 20_000,
    });
  });
});

describe('an input mapping', () => {
  it('evaluates expressions and templates at any depth and keeps everything else', async () => {
    const mapping = compileMapping({
      subject: '$.parse.subject',
      prompt: 'Subject: {{ parse.subject }} / {{ parse.tags }} / {{ parse.nothing }}.',
      whole: '{{ parse.tags }}',
      fixed: [1, true, null, 'plain'],
    });

    expect(await mapping.evaluate(scope)).toEqual({
      subject: 'Re: lunch',
      prompt: 'Subject: Re: lunch / ["a","b"] / .',
      whole: ['a', 'b'],
      fixed: [1, true, null, 'plain'],
    });
  });

  it('keeps a hostile key as data', async () => {
    const mapping = compileMapping(JSON.parse('{"__proto__": {"polluted": true}}'));

    const value = (await mapping.evaluate(scope)) as object;

    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('leaves a text without holes as it is', async () => {
    expect(await compileTemplate('costs 5 $').evaluate(scope)).toBe('costs 5 $');
  });
});

describe('a hostile expression', () => {
  it.each([
    'constructor',
    '$.constructor',
    '$lookup($, "constructor")',
    '$.__proto__',
    '$lookup($, "__proto__")',
    'parse.toString',
    '$map.constructor',
    '$map.implementation.constructor',
    '(function($x){$x}).environment',
  ])('finds nothing at %s', async (source) => {
    expect(await compileExpression(source).evaluate(scope)).toBeUndefined();
  });

  it.each([
    '$string.constructor("return process")()',
    '$eval("1 + 1")',
    '($f := function($t) { $eval($t) }; $f("1"))',
    '$process',
    '$globalThis.process.exit(1)',
    '$require("fs")',
  ])('does not get out with %s', async (source) => {
    const outcome = await compileExpression(source)
      .evaluate(scope)
      .catch((error: unknown) => error);

    expect(outcome === undefined || outcome instanceof ExpressionError).toBe(true);
  });

  it('pollutes no prototype', async () => {
    await compileExpression('$merge([{ "__proto__": { "polluted": true } }, $])').evaluate(scope);
    await compileExpression('$ ~> |$|{ "__proto__": { "polluted": true } }|').evaluate(scope);

    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['a loop without end', '($f := function() { $f() }; $f())', /stack|timeout/i],
    ['a loop in a loop', '$map([1..90000], function($a) { $map([1..90000], function($b) { $b }) })', /timeout/i],
    ['a list too long', '[1..9999999]', /sequence length/],
    [
      'a text that doubles',
      '$reduce([1..27], function($a, $b) { $a & $a }, "0123456789")',
      /a text of \d+ characters came up/,
    ],
    ['a wide pad', '$pad("x", 1000000000)', /too wide/],
    ['a pattern that backtracks for ever', `$match("${'a'.repeat(60)}!", /^(a+)+$/)`, /takes more than 100 ms/],
    ['a pattern that backtracks for long', '$contains($pad("a", 20000, "a"), /a*a*a*a*a*b/)', /takes more than 100 ms/],
  ])('is stopped at %s, while the process lives', async (_, source, message) => {
    await expect(compileExpression(source).evaluate(scope)).rejects.toThrow(message);
  });

  it('finds what is distinct in a long list without comparing each with each', async () => {
    const found = await compileExpression('$count($distinct($append([1..50000], [1..50000])))').evaluate(scope);

    expect(found).toBe(50_000);
  });
});

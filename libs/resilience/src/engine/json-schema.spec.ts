import { describe, expect, it } from '@jest/globals';
import { readJsonSchema } from './json-schema.js';

describe('reading a JSON Schema', () => {
  it('leaves one alone that has nothing to change', () => {
    const schema = { type: 'object', properties: { nullable: { type: 'boolean' }, next: { $ref: '#' } } };

    expect(readJsonSchema(schema)).toBe(schema);
  });

  it.each<[string, object, object]>([
    ['a type', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
    ['a choice', { type: 'string', enum: ['a'], nullable: true }, { type: ['string', 'null'], enum: ['a', null] }],
    ['nothing', { type: 'string', nullable: false }, { type: 'string' }],
    ['a reference', { $ref: '#/$defs/c', nullable: true }, { anyOf: [{ $ref: '#/$defs/c' }, { type: 'null' }] }],
    [
      'a composition',
      { nullable: true, allOf: [{ type: 'string' }] },
      { anyOf: [{ allOf: [{ type: 'string' }] }, { type: 'null' }] },
    ],
    ['exclusive bounds', { minimum: 1, exclusiveMinimum: true }, { exclusiveMinimum: 1 }],
    ['bounds that are not', { maximum: 1, exclusiveMaximum: false }, { maximum: 1 }],
  ])('says in its own words what OpenAPI says: %s', (_, given, expected) => {
    const around = (inner: object) => ({
      properties: { x: { items: [inner] } },
      $defs: { a: inner, b: { not: { oneOf: [inner] } } },
    });

    expect(readJsonSchema(around(given) as Record<string, unknown>)).toEqual(around(expected));
  });

  it('keeps at the root what is referred to there', () => {
    const schema = { nullable: true, $ref: '#/$defs/a', $defs: { a: { type: 'string' } } };

    expect(readJsonSchema(schema)).toEqual({
      $defs: { a: { type: 'string' } },
      anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }],
    });
  });

  it.each<[string, object]>([
    ['itself', { $ref: '#' }],
    ['itself, beside others', { allOf: [{ type: 'object' }, { $ref: '#' }] }],
    ['each other', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { anyOf: [{ $ref: '#/$defs/a' }] } } }],
    ['itself, deep inside', { properties: { a: { items: { $ref: '#/$defs/a~1b' } } }, $defs: { 'a/b': { not: { $ref: '#/$defs/a~1b' } } } }], // prettier-ignore
    ['itself when a field is there', { dependentSchemas: { a: { $ref: '#' } } }],
  ])('refuses references that lead around in a circle: to %s', (_, schema) => {
    expect(() => readJsonSchema(schema as Record<string, unknown>)).toThrow(/its reference '#.*' leads back to itself/);
  });

  it.each<[string, object]>([
    ['trees', { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } }],
    ['lists', { $ref: '#/$defs/n', $defs: { n: { anyOf: [{ type: 'null' }, { properties: { next: { $ref: '#/$defs/n' } } }] } } }], // prettier-ignore
    ['the same twice', { allOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }], $defs: { a: { type: 'object' } } }],
    ['names of fields', { properties: { $ref: { type: 'string' }, allOf: { type: 'string' } } }],
    ['what is not there', { $ref: '#/$defs/none' }],
  ])('accepts what only looks like it: %s', (_, schema) => {
    expect(readJsonSchema(schema as Record<string, unknown>)).toBe(schema);
  });
});

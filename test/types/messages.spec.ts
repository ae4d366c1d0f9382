import { join } from 'node:path';

import { beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';

import { programOf, repository } from './compiler.js';

const IMPORTS = `
import { Attempt, CircuitBreaker, Fallback, type FallbackContext, Retry } from '@nest-resilience/core';
import type { Observable } from 'rxjs';
declare const anything: never;
`;

/** One wrong line each, in a class that has what the line needs. */
const SNIPPETS = {
  missing: `@Fallback('formCache') price(): Promise<number> { return anything; }`,
  returns: `@Fallback('asText') price(): Promise<number> { return anything; }
            private asText(): string { return ''; }`,
  synchronous: `@Fallback('later') price(): number { return anything; }
                later(): Promise<number> { return anything; }`,
  takes: `@Fallback('byId') price(sku: string): Promise<number> { return anything; }
          byId(id: number): number { return id; }`,
  function: `@Fallback((sku: string) => sku) price(sku: string): Observable<number> { return anything; }`,
  value: `@Fallback({ value: 'none' }) price(): Promise<number> { return anything; }`,
  attempt: `price(@Attempt() sku: string): Promise<number> { return anything; }`,
  result: `@Retry({ retryOnResult: (price: string) => price === '' }) price(): Promise<number> { return anything; }`,
  key: `@CircuitBreaker({ key: (sku: string) => sku }) price(id: number): Promise<number> { return anything; }`,
  option: `@Retry({ maxRetry: 3 }) price(): Promise<number> { return anything; }`,
} as const;

type Snippet = keyof typeof SNIPPETS;

const fileOf = (name: string): string => join(repository, 'test/types', `${name}.snippet.ts`);

/** What a user reads in the editor, by snippet. */
function compile(): Record<string, string> {
  const program = programOf(
    new Map(
      Object.entries(SNIPPETS).map(([name, members]) => [fileOf(name), `${IMPORTS}export class Shop { ${members} }`]),
    ),
  );
  return Object.fromEntries(
    Object.keys(SNIPPETS).map((name) => {
      const diagnostics = program.getSemanticDiagnostics(program.getSourceFile(fileOf(name)));
      return [
        name,
        diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')).join('\n'),
      ];
    }),
  );
}

describe('What the compiler says', () => {
  let messages: Record<string, string>;

  beforeAll(() => {
    messages = compile();
  });

  it.each<[string, Snippet, string]>([
    [
      'a method that is not there',
      'missing',
      `Argument of type '"price"' is not assignable to parameter of type '"@Fallback('formCache'): the class has no method of that name"'.`,
    ],
    [
      'a private method that returns something else',
      'returns',
      `'Problem<"@Fallback('asText') returns", string, "but the method returns", Promise<number>>'.`,
    ],
    [
      'a fallback that a synchronous method would have to wait for',
      'synchronous',
      `'Problem<"@Fallback('later') returns", Promise<number>, "but the method returns", number>'.`,
    ],
    [
      'parameters that cannot take the arguments',
      'takes',
      `'Problem<"@Fallback('byId') takes", [id: number], "but is given", [string, context: FallbackContext]>'.`,
    ],
    [
      'a function that returns something else',
      'function',
      `'Problem<"@Fallback(function) returns", string, "but the method returns", Observable<number>>'.`,
    ],
    [
      'a value of another type',
      'value',
      `'Problem<"@Fallback({ value }) gives", "none", "but the method returns", Promise<number>>'.`,
    ],
    [
      'an attempt where it does not fit',
      'attempt',
      `'"price" & Problem<"@Attempt() gives", AttemptContext, "but the parameter is", string>'.`,
    ],
    [
      'a judge of other results',
      'result',
      `'Problem<"the option judges", string, "but the method returns", Promise<number>>'.`,
    ],
    [
      'a key of other arguments',
      'key',
      `'Problem<"the option takes", [sku: string], "but the method takes", [id: number]>'.`,
    ],
    [
      'an option that is none',
      'option',
      "Object literal may only specify known properties, and 'maxRetry' does not exist in type 'RetryOptions<unknown>'.",
    ],
  ])('about %s', (_what, name, said) => {
    expect(messages[name]).toContain(said);
  });
});

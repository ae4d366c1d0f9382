import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

import { programOf, repository } from './compiler.js';

const SOURCE_CONDITION = 'nest-resilience-source';

/** The source files behind every entry point of a package. */
function entryPoints(): string[] {
  const libs = join(repository, 'libs');
  return readdirSync(libs)
    .map((name) => join(libs, name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .flatMap((folder) => {
      const { exports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        exports?: Record<string, Record<string, string> | string>;
      };
      return Object.values(exports).flatMap((entry) => {
        const source = typeof entry === 'string' ? undefined : entry[SOURCE_CONDITION];
        return source === undefined ? [] : [join(folder, source)];
      });
    });
}

/** `file:line: declaration` of every `any` that the emitted declarations would show to a user, written or inferred. */
function anysIn(roots: ReadonlyMap<string, string | undefined>): string[] {
  const program = programOf(roots, {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    // What the compiler thinks of the bodies is the business of `npm run typecheck`.
    noCheck: true,
    sourceMap: false,
    inlineSources: false,
  });
  const found: string[] = [];
  program.emit(
    undefined,
    (path, text) => {
      if (!path.endsWith('.d.ts')) return;
      const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
      const visit = (node: ts.Node): void => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) {
          const line = file.getLineAndCharacterOfPosition(node.pos).line;
          found.push(`${relative(repository, path)}: ${text.split('\n')[line]?.trim()}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(file);
    },
    undefined,
    true,
  );
  return found;
}

describe('The public types', () => {
  it('are those of several entry points', () => {
    expect(entryPoints().length).toBeGreaterThan(5);
  });

  it('would be found out', () => {
    const written = 'export const written: any[] = [];';
    const inferred = 'export function inferred(text: string) { return JSON.parse(text); }';

    expect(anysIn(new Map([[join(repository, 'test/types/found.ts'), `${written}\n${inferred}`]]))).toEqual([
      'test/types/found.d.ts: export declare const written: any[];',
      'test/types/found.d.ts: export declare function inferred(text: string): any;',
    ]);
  });

  it('have no any, neither written nor inferred', () => {
    expect(anysIn(new Map(entryPoints().map((path) => [path, undefined])))).toEqual([]);
  });
});

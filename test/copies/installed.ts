import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Options, transformSync } from '@swc/core';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An edit of a copy: a file below `dist`, what it has, and what stands there instead. */
export type Edit = readonly [file: string, before: string, after: string];

/**
 * The program in `app`, installed as npm or pnpm may do it: its library `shared` has a copy of core of its own below it.
 * Compiled from the sources, so that there is no build to be forgotten.
 */
export class Installed {
  readonly folder = mkdtempSync(join(tmpdir(), 'nest-resilience-'));
  readonly ofApp = join(this.folder, 'app/node_modules/@nest-resilience/core');
  readonly ofShared = join(this.folder, 'app/shared/node_modules/@nest-resilience/core');

  constructor(copies: 1 | 2, ...edits: Edit[]) {
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
    compile(join(root, 'test/copies/app'), join(this.folder, 'app'));
    writeFileSync(join(this.folder, 'app/package.json'), '{ "type": "module" }');
    compile(join(root, 'libs/resilience/src'), join(this.ofApp, 'dist'));
    cpSync(join(root, 'libs/resilience/package.json'), join(this.ofApp, 'package.json'));
    if (copies === 1) return;
    cpSync(this.ofApp, this.ofShared, { recursive: true });
    for (const edit of edits) this.edit(...edit);
  }

  /** Runs the program in a process of its own. @returns what it reports */
  run(): unknown {
    const main = join(this.folder, 'app/main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`The program ended with ${String(status)}: ${stderr}`);
    return JSON.parse(stdout);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private edit(...[file, before, after]: Edit): void {
    const path = join(this.ofShared, 'dist', file);
    const source = readFileSync(path, 'utf8');
    if (!source.includes(before)) throw new Error(`${file} has no '${before}' to edit`);
    writeFileSync(path, source.replace(before, after));
  }
}

const options: Options = {
  jsc: {
    target: 'es2023',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
};

function compile(from: string, to: string): void {
  for (const file of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
    const { code } = transformSync(readFileSync(join(from, file), 'utf8'), options);
    const target = join(to, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, code);
  }
}

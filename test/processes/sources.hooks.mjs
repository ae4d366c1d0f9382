import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { transform } from '@swc/core';

import { base } from '../../jest.config.mjs';

const [, options] = base.transform['^.+\\.ts$'];
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/test-processes/', import.meta.url));

export async function resolve(specifier, context, next) {
  if (specifier.startsWith('.') && specifier.endsWith('.js')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  return { format: 'module', source: await compiled(fileURLToPath(url)), shortCircuit: true };
}

async function compiled(filename) {
  const source = await readFile(filename, 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([filename, source, options]))
    .digest('hex');
  const cached = `${CACHE}${key}.mjs`;
  if (existsSync(cached)) return readFile(cached, 'utf8');
  const { code } = await transform(source, { ...options, filename });
  await mkdir(CACHE, { recursive: true });
  // Whole or not at all: another process may want it now.
  await writeFile(`${cached}.${process.pid}`, code);
  await rename(`${cached}.${process.pid}`, cached);
  return code;
}

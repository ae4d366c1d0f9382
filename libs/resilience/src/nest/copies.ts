import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How copies of this package share. Raise it with a change that makes a copy from before it misread what it finds. */
const LAYOUT = 1;

/** Names what copies of one layout find at each other. */
export function sharedSymbol(name: string): symbol {
  return Symbol.for(`nest-resilience/${LAYOUT}:${name}`);
}

/** A value of which the process has one, however many copies it has. */
export function sharedValue<T>(name: string, make: () => T): T {
  const holder = globalThis as Record<symbol, unknown>;
  return (holder[sharedSymbol(name)] ??= make()) as T;
}

interface Copy {
  readonly layout: number;
  /** URL of its package.json. */
  readonly manifest: string;
}

interface Copies {
  readonly all: Copy[];
  told: number;
}

/** Of all layouts: each must be able to name the others. */
const copies = ((globalThis as Record<symbol, unknown>)[Symbol.for('nest-resilience:copies')] ??= {
  all: [],
  told: 1,
}) as Copies;

const me: Copy = { layout: LAYOUT, manifest: manifestOf(import.meta.url) };
// The same file again is a fresh registry of a test runner, or a reload.
if (!copies.all.some(({ manifest }) => manifest === me.manifest)) copies.all.push(me);

/** What is to be said of several copies; once, until there are more. */
export function describeCopies(): string | undefined {
  const { all } = copies;
  if (all.length <= copies.told) return undefined;
  copies.told = all.length;
  const strangers = all.filter(({ layout }) => layout !== me.layout);
  const effect =
    strangers.length === 0
      ? 'Their decorators protect all the same, but each has its own ResilienceService and other classes to inject'
      : `What ${strangers.map(placeOf).join(', ')} decorates is NOT protected by this application: the versions are too far apart`;
  return (
    `${all.length === 2 ? 'Two' : all.length} copies of @nest-resilience/core (${all.map(placeOf).join(', ')}) are loaded. ` +
    `${effect}. Keep one: ask for the same version everywhere and run \`npm dedupe\` or \`pnpm dedupe\`; ` +
    'libraries of your own should have it as a peer dependency'
  );
}

function manifestOf(url: string | undefined): string {
  // Bundlers to CommonJS leave no URL.
  return url === undefined ? 'a bundle' : new URL('../../package.json', url).href.replace(/[?#].*/, '');
}

function placeOf({ manifest }: Copy): string {
  try {
    const path = fileURLToPath(manifest);
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
    return `${version} at ${dirname(path)}`;
  } catch {
    return `an unknown version at ${manifest}`;
  }
}

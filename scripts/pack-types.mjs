/** Whether what is packed can be compiled by a user who has only what an entry needs, and who has its declarations checked. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { root } from './packages.mjs';

/** Optional peers that a subpath is about; every other entry does without any. */
const PEERS_OF_ENTRY = {
  '@nest-resilience/core/events': ['@nestjs/event-emitter'],
  '@nest-resilience/core/health': ['@nestjs/schedule', '@nestjs/terminus'],
  '@nest-resilience/core/metrics': ['prom-client'],
  '@nest-resilience/core/telemetry': ['@opentelemetry/api'],
};

const { ModuleKind, ModuleResolutionKind: Resolution, ScriptTarget } = ts;

/** How users compile. A CommonJS file of `node16` and `nodenext` cannot import an ES module, so these are ES modules. */
const MODES = {
  nodenext: { type: 'module', module: ModuleKind.NodeNext, moduleResolution: Resolution.NodeNext },
  node16: { type: 'module', module: ModuleKind.Node16, moduleResolution: Resolution.Node16 },
  'commonjs and node10': {
    ...{ type: 'commonjs', module: ModuleKind.CommonJS, moduleResolution: Resolution.Node10 },
    ignoreDeprecations: '6.0',
  },
};

/**
 * @param {{ name: string, entries: string[], tarball: string }[]} packed
 * @returns {{ name: string, mode: string, output: string }[]} what does not compile
 */
export function typeProblems(packed) {
  const tarballs = new Map(packed.map(({ name, tarball }) => [name, tarball]));
  return packed.flatMap(({ name, entries }) => {
    const plain = entries.filter((entry) => !(entry in PEERS_OF_ENTRY));
    const others = entries.filter((entry) => entry in PEERS_OF_ENTRY).map((entry) => [entry]);
    return [plain, ...others].flatMap((group) => problemsOf(name, group, tarballs));
  });
}

function problemsOf(name, entries, tarballs) {
  // By its real path: the compiler names files so.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nest-resilience-types-')));
  try {
    install(name, folder, tarballs);
    for (const peer of ['@types/node', ...entries.flatMap((entry) => PEERS_OF_ENTRY[entry] ?? [])]) link(peer, folder);
    const use = join(folder, 'use.ts');
    writeFileSync(use, entries.map((entry, index) => `export * as e${index} from '${entry}';\n`).join(''));
    return Object.entries(MODES).flatMap(([mode, { type, ...options }]) => {
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
      const output = diagnosticsOf(use, folder, options);
      return output === '' ? [] : [{ name: entries.join(', '), mode, output }];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the user's file and of our declarations; those of others are theirs. */
function diagnosticsOf(use, folder, options) {
  const program = ts.createProgram([use], {
    ...{ ...options, target: ScriptTarget.ES2023, lib: ['lib.es2023.d.ts'], strict: true, noEmit: true },
    ...{
      skipLibCheck: false,
      experimentalDecorators: true,
      types: ['node'],
      typeRoots: [join(folder, 'node_modules/@types')],
    },
  });
  const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(folder));
  const found = [
    ...program.getOptionsDiagnostics(),
    ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ];
  const host = { getCanonicalFileName: (file) => file, getCurrentDirectory: () => folder, getNewLine: () => '\n' };
  return ts.formatDiagnostics(found, host);
}

/** Ours are unpacked, so that they find nothing but what is here; all else is linked, and finds its own. */
function install(name, folder, tarballs) {
  const target = join(folder, 'node_modules', name);
  const tarball = tarballs.get(name);
  if (tarball === undefined) return link(name, folder);
  mkdirSync(target, { recursive: true });
  spawnSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  const {
    dependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8'));
  const peers = Object.keys(peerDependencies).filter((peer) => !peerDependenciesMeta[peer]?.optional);
  for (const other of [...Object.keys(dependencies), ...peers]) install(other, folder, tarballs);
}

function link(name, folder) {
  const target = join(folder, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  try {
    symlinkSync(join(root, 'node_modules', name), target);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}

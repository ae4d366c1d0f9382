/**
 * Packs each library as npm would publish it, has publint and arethetypeswrong judge the tarball, and compiles a user of each entry
 * who has no optional peer and `skipLibCheck: false`. Needs `npm run build`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { typeProblems } from './pack-types.mjs';
import { publishedPackages, root } from './packages.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
const tarballs = mkdtempSync(join(tmpdir(), 'nest-resilience-pack-'));
let failed = 0;
const packedOnes = [];

try {
  for (const { directory, name, entries } of publishedPackages()) {
    const packed = spawnSync('npm', ['pack', '--json', '--pack-destination', tarballs], {
      cwd: directory,
      encoding: 'utf8',
    });
    if (packed.status !== 0) {
      report(name, 'npm pack', packed);
      continue;
    }
    const [{ filename, files }] = JSON.parse(packed.stdout);
    const tarball = join(tarballs, filename);
    judge(name, 'publint', ['run', tarball, '--strict']);
    // Our packages carry their own types; without this flag attw asks the registry for @types/...
    judge(name, 'attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-emoji']);
    const strays = files.map((file) => file.path).filter((path) => /\.spec\.|\.tsbuildinfo$|^src\//.test(path));
    if (strays.length > 0)
      report(name, 'contents', { stdout: `must not be published: ${strays.join(', ')}`, stderr: '' });
    packedOnes.push({ name, entries, tarball });
    console.log(`${name}: ${files.length} files packed`);
  }
  for (const { name, mode, output } of typeProblems(packedOnes))
    report(name, `tsc with module ${mode} and skipLibCheck false`, { stdout: output, stderr: '' });
} finally {
  rmSync(tarballs, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

function judge(name, tool, args) {
  const result = spawnSync(bin(tool), args, { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) report(name, tool, result);
}

function report(name, tool, { stdout, stderr }) {
  failed += 1;
  console.error(`${name}: ${tool} failed\n${stdout}${stderr}`);
}

/** Imports every published entry by name from the repository root, out of dist/, each in a process of its own. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { publishedPackages, root } from './packages.mjs';

let failed = 0;
for (const { entries } of publishedPackages()) {
  for (const entry of entries) {
    const code = `console.log(import.meta.resolve('${entry}').includes('/dist/'), Object.keys(await import('${entry}')).length)`;
    const result = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: root,
      encoding: 'utf8',
    });
    const [fromDist, names] = result.stdout.trim().split(' ');
    const ok = result.status === 0 && fromDist === 'true' && Number(names) > 0;
    if (!ok) failed += 1;
    console.log(ok ? `${entry}: ${names} names` : `${entry}: FAILED ${result.stderr.trim() || 'it exports nothing'}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;

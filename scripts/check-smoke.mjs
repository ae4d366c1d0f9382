/**
 * Imports every published entry by name from the repository root, out of dist/, each in a process of its own; then runs
 * every published program against an application that is built of dist/ too. Needs `npm run build`.
 */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
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

const programs = publishedPackages().flatMap(({ bins }) => bins);
if (failed === 0 && programs.length > 0) await runPrograms();
process.exitCode = failed === 0 ? 0 : 1;

async function runPrograms() {
  const token = 'a-token-for-the-smoke-test';
  await import('reflect-metadata');
  const { NestFactory } = await import('@nestjs/core');
  const { ResilienceModule } = await import('@nest-resilience/core');
  const { AdminModule } = await import('@nest-resilience/core/admin');
  const imports = [ResilienceModule.forRoot(), AdminModule.forRoot({ token })];
  const app = await NestFactory.create({ module: class SmokeModule {}, imports }, { logger: false });
  await app.listen(0, '127.0.0.1');
  const env = { ...process.env, NEST_RESILIENCE_URL: await app.getUrl(), NEST_RESILIENCE_TOKEN: token };
  for (const [name, file] of programs) {
    // By the file itself: that it can be executed is a part of it.
    const run = promisify(execFile)(file, ['dead-letters', 'list', '--json'], { cwd: root, env, timeout: 30_000 });
    const { stdout = '', stderr = '', ...error } = await run.catch((problem) => problem);
    const ok = stdout.includes('"items": []');
    if (!ok) failed += 1;
    console.log(ok ? `${name}: runs` : `${name}: FAILED ${stderr || (error.message ?? stdout)}`);
  }
  await app.close();
}

/**
 * For processes that a suite starts from the sources, e.g. the sandbox of expressions: `npm test` hands it to them as `--import`. Takes
 * `./x.js` for `./x.ts` where only that exists, and translates as jest does. Does nothing in any other process.
 */
import { existsSync } from 'node:fs';
import { register } from 'node:module';

const entry = process.argv[1] ?? '';
if (!existsSync(entry) && existsSync(typescript(entry))) register('./typescript-hooks.mjs', import.meta.url);

function typescript(file) {
  return file.replace(/\.js$/, '.ts');
}

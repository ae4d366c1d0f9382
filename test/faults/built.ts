import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The processes that are killed run what is built. */
export function requireBuilt(...libs: string[]): void {
  for (const lib of libs) {
    const dist = fileURLToPath(new URL(`../../libs/${lib}/dist/index.js`, import.meta.url));
    if (!existsSync(dist)) throw new Error(`${dist} is missing: run \`npm run build\` first`);
  }
}

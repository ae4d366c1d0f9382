/** What `libs/` publishes, read from the package.json files: the checks below follow when a package or a subpath is added. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @returns {{ directory: string, name: string, entries: string[], bins: [string, string][] }[]} `entries` as a user imports
 * them: `@x/y`, `@x/y/sub`; `bins` as names with their files.
 */
export function publishedPackages() {
  return readdirSync(join(root, 'libs'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => {
      const directory = join(root, 'libs', entry.name);
      const { name, exports, bin = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      const modules = Object.keys(exports).filter((path) => typeof exports[path] === 'object');
      const bins = Object.entries(bin).map(([command, file]) => [command, join(directory, file)]);
      return { directory, name, entries: modules.map((path) => name + path.slice(1)), bins };
    });
}

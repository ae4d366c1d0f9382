/** `npm run lines`: how large the house is. Lines and files of .ts and .tsx in `libs` and `src`, without specs and tests, and the names each package exports. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const listed = execFileSync('git', ['ls-files', '--', 'libs', 'src'], { cwd: root, encoding: 'utf8' }).split('\n');
const sources = listed.filter(
  (path) => /\.tsx?$/.test(path) && !/\.(e2e-)?spec\.tsx?$/.test(path) && !/^libs\/[^/]+\/test\//.test(path),
);

const rooms = new Map();
for (const path of sources) {
  const [top, name] = path.split('/');
  const room = top === 'libs' ? `libs/${name}` : top;
  const { lines = 0, files = 0, exported = 0 } = rooms.get(room) ?? {};
  const text = readFileSync(`${root}${path}`, 'utf8');
  rooms.set(room, {
    lines: lines + text.split('\n').length - 1,
    files: files + 1,
    exported: exported + (/\/index\.ts$/.test(path) ? namesIn(text) : 0),
  });
}
const all = [...rooms.values()].reduce((sum, room) => ({
  lines: sum.lines + room.lines,
  files: sum.files + room.files,
  exported: sum.exported + room.exported,
}));
console.table(Object.fromEntries([...rooms, ['all', all]]));

/** Names that an index lists: `export { a, type B } from`. */
function namesIn(text) {
  const lists = text.matchAll(/export (?:type )?\{([^}]*)\}/g);
  return [...lists].flatMap(([, names]) => names.split(',').filter((name) => name.trim() !== '')).length;
}

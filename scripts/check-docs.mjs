/**
 * `npm run check:docs`: what README.md and docs/ show must be true.
 *
 * - Every ```ts block is a module of its own and compiles against the sources, with the options of tsconfig.json.
 * - A table under `<!-- defaults: DEFAULT_X_OPTIONS from @nest-resilience/core -->` has a row for every key of that constant,
 *   and its second column holds the constant's value.
 * - Every relative link leads to a file, and its #anchor to a heading.
 * - Every page of a capability has the six headings.
 *
 * Each problem is printed as `page:line: what`; any problem ends with 1.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Where the code of the pages seems to be: inside the repository, so that packages are found as from any source. */
const snippets = join(root, 'docs', '.snippets');

const UNIT_MS = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const HEADINGS = ['About', 'Use', 'Options and defaults', 'Failure handling', 'Events and metrics', 'Pitfalls'];
/** About everything, so not of one shape. */
const OVERVIEWS = [
  'README.md',
  'docs/README.md',
  'docs/architecture.md',
  'docs/adding-a-policy.md',
  'docs/reliability.md',
  'docs/coming-from-graphbit-toolweaver-kailash.md',
  'docs/differences.md',
  'docs/error-codes.md',
  'docs/vendor-words.md',
];

const problems = [];
const pages = pagesOf('README.md', 'docs').map((path) => readPage(path));
const modules = pages.flatMap((page) => [...blocksOf(page), ...tablesOf(page)]);

compile(modules);
for (const page of pages) {
  checkLinks(page);
  if (!OVERVIEWS.includes(page.path)) checkHeadings(page);
}

problems.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
for (const { path, line, what } of problems) console.error(`${path}:${line}: ${what}`);
console.log(
  `check-docs: ${pages.length} pages, ${modules.length} code blocks and tables, ` +
    `${problems.length === 0 ? 'all hold' : `${problems.length} problems`}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

function pagesOf(...paths) {
  return paths.flatMap((path) => {
    if (!existsSync(join(root, path))) return [];
    if (path.endsWith('.md')) return [path];
    const entries = readdirSync(join(root, path), { withFileTypes: true });
    return entries
      .filter(({ name }) => !name.startsWith('.'))
      .filter((entry) => entry.isDirectory() || entry.name.endsWith('.md'))
      .flatMap(({ name }) => pagesOf(`${path}/${name}`));
  });
}

/** Lines with what they are: `code` (with the language of its block), `fence` or `text`. */
function readPage(path) {
  let language;
  const lines = readFileSync(join(root, path), 'utf8')
    .split('\n')
    .map((text, index) => {
      const line = index + 1;
      const fence = /^\s*```(\S*)/.exec(text);
      if (fence === null) return { line, text, kind: language === undefined ? 'text' : 'code', language };
      language = language === undefined ? fence[1] : undefined;
      return { line, text, kind: 'fence', language };
    });
  return { path, lines };
}

/** One module per block, its lines where they stand in the page: the compiler's line numbers are the page's. */
function* blocksOf({ path, lines }) {
  let block;
  for (const { line, text, kind, language } of lines) {
    if (kind === 'code' && language === 'ts') (block ??= { path, line, code: [] }).code.push({ line, text });
    else if (block !== undefined) {
      yield block;
      block = undefined;
    }
  }
}

/** A pinned table as a module that compiles only if table and constant agree. */
function* tablesOf(page) {
  for (const { line, text, kind } of page.lines) {
    const pin = kind === 'text' && /^<!-- defaults: (\w+) from (\S+) -->$/.exec(text.trim());
    if (!pin) continue;
    const rows = rowsBelow(page, line);
    const names = rows.map(({ name }) => `'${name}'`);
    if (rows.length === 0) problems.push({ path: page.path, line, what: 'no table below this comment' });
    const imported = `import { ${pin[1]} as defaults } from '${pin[2]}';`;
    const every = `export const missing: Record<Exclude<keyof typeof defaults, ${names.join(' | ') || 'never'}>, never> = {};`;
    const code = [{ line, text: `${imported} ${every}` }];
    for (const row of rows) {
      if (row.value !== undefined) code.push({ line: row.line, text: `defaults.${row.name} satisfies ${row.value};` });
    }
    yield { path: page.path, line, code };
  }
}

/** `| \`name\` | value | meaning |`; a value of `-` or in words (`see below`) is not pinned. */
function rowsBelow({ lines }, after) {
  const table = [];
  for (const { line, text } of lines.slice(after)) {
    if (text.trim() === '' && table.length === 0) continue;
    if (!text.startsWith('|')) break;
    table.push({ line, cells: text.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')) });
  }
  return table
    .slice(2)
    .map(({ line, cells }) => ({ line, name: /`(\w+)`/.exec(cells[1])?.[1], value: literal(cells[2]) }));
}

/** `500 ms` -> 500, `30 s` -> 30000, `'full'` and `{ ratio: 0.2 }` as they are. */
function literal(cell = '') {
  const code = /^`(.+)`$/.exec(cell)?.[1];
  if (code !== undefined) return code.startsWith('{') ? code.replaceAll(',', ';') : code;
  const [, amount, unit] = /^([\d_]+(?:\.\d+)?)(?: (ms|s|min|h|d))?$/.exec(cell) ?? [];
  return amount === undefined ? undefined : String(Number(amount.replaceAll('_', '')) * (UNIT_MS[unit] ?? 1));
}

/** Only the pages: whether the sources compile is the business of `npm run typecheck`. */
function compile(all) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const pageOf = new Map();
  const texts = new Map();
  for (const { path, line, code } of all) {
    const name = join(snippets, `${path.replace(/\W+/g, '-')}-${line}.ts`);
    const text = [];
    for (const { line: at, text: source } of code) text[at - 1] = source;
    texts.set(name, `${Array.from(text, (source) => source ?? '').join('\n')}\nexport {};\n`);
    pageOf.set(name, path);
  }
  const program = ts.createProgram([...texts.keys()], options, hostOf(texts, options));
  for (const [name, path] of pageOf) {
    const file = program.getSourceFile(name);
    const found = [program.getSyntacticDiagnostics(file), program.getSemanticDiagnostics(file)].flat();
    for (const { start, code, messageText } of found) {
      const { line } = file.getLineAndCharacterOfPosition(start);
      const what = `error TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      problems.push({ path, line: line + 1, what });
    }
  }
}

/** Reads these texts as if they were files. */
function hostOf(texts, options) {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  return Object.assign(host, {
    fileExists: (path) => texts.has(path) || fileExists.call(host, path),
    readFile: (path) => texts.get(path) ?? readFile.call(host, path),
    getSourceFile: (path, how, ...rest) =>
      texts.has(path) ? ts.createSourceFile(path, texts.get(path), how) : getSourceFile.call(host, path, how, ...rest),
  });
}

function checkLinks({ path, lines }) {
  for (const { line, text, kind } of lines) {
    if (kind !== 'text') continue;
    for (const [, target] of text.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const to = file === '' ? path : relative(root, resolve(root, dirname(path), decodeURIComponent(file)));
      if (!existsSync(join(root, to))) problems.push({ path, line, what: `the link '${target}' leads nowhere` });
      else if (anchor !== undefined && to.endsWith('.md') && !anchorsOf(to).includes(anchor))
        problems.push({ path, line, what: `the link '${target}' names no heading of ${to}` });
    }
  }
}

/** As GitHub makes them. */
function anchorsOf(path) {
  return headingsOf(readPage(path)).map(({ title }) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function checkHeadings(page) {
  const found = headingsOf(page).filter(({ level }) => level === 2);
  const titles = found.map(({ title }) => title);
  if (titles.join() === HEADINGS.join()) return;
  const line = found.find(({ title }, index) => title !== HEADINGS[index])?.line ?? page.lines.length;
  problems.push({
    path: page.path,
    line,
    what: `the headings must be ${HEADINGS.join(', ')}; here: ${titles.join(', ')}`,
  });
}

function headingsOf({ lines }) {
  return lines.flatMap(({ line, text, kind }) => {
    const heading = kind === 'text' && /^(#+) (.+)$/.exec(text);
    return heading ? [{ line, level: heading[1].length, title: heading[2].trim() }] : [];
  });
}

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from '@jest/globals';

import type { Family } from './family.js';
import { FAMILIES } from './index.js';

const PAGE = fileURLToPath(new URL('../../../../../../docs/error-codes.md', import.meta.url));

const INTRODUCTION = `# Error codes

What [\`classifyError\`](error-classification.md) knows of clients and vendors: the tables of the code, in the order in which they are asked.
The first that knows a code decides. What stands in none of them is \`unknown\`, unless the words of its message say more.
A number in place of a reason is an HTTP status: the code means what that status means, and words may tell its meanings apart.
\`abort\` is \`aborted\` where the caller left, otherwise \`timeout\`.

This page is written from the tables: \`UPDATE_DOCS=1 npm test -- documented.spec\`.
`;

function section({ name, shape, sources, rows }: Family): string {
  const meanings = new Map<string, string[]>();
  for (const [code, meaning] of rows) {
    const reason = String(meaning);
    meanings.set(reason, [...(meanings.get(reason) ?? []), `\`${code}\``]);
  }
  const links = sources.map((source) => source.replace(/https:\S+/, '<$&>')).join(', ');
  const lines = [...meanings].map(([reason, codes]) => `- \`${reason}\`: ${codes.join(', ')}`);
  return `\n## ${name}\n\nKnown by: ${shape}.\n\n${lines.join('\n')}\n\nSources: ${links}.\n`;
}

describe('docs/error-codes.md', () => {
  it('says what the tables say', () => {
    const page = INTRODUCTION + FAMILIES.map(section).join('');

    if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, page);

    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});

import { readFileSync } from 'node:fs';

export const MODES = ['complete', 'stream', 'structured'] as const;
export type Mode = (typeof MODES)[number];

/** One row of the table in docs/llm.md. */
export interface DocumentedFailure {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** What `classifyError` makes of it. */
  readonly reason: string;
  /** Sent to the failing target by one call. */
  readonly requests: number;
  readonly outcome: string;
  /** State of the target's circuit after five such calls. */
  readonly circuit: string;
  /** What the health indicator says of the provider then: a status, and the reason of one that is down. */
  readonly health: string;
}

const PAGE = new URL('../../docs/llm.md', import.meta.url);
const MARK = '<!-- failures: test/llm/failure-matrix.e2e-spec.ts -->';

/** What the docs promise; the matrix holds the package to it, so the two cannot drift apart. */
export function documentedFailures(): DocumentedFailure[] {
  const [, after] = readFileSync(PAGE, 'utf8').split(MARK);
  if (after === undefined) throw new Error(`docs/llm.md has no ${MARK}`);
  const lines = after.trimStart().split('\n');
  const rows = lines.slice(
    2,
    lines.findIndex((line) => !line.startsWith('|')),
  );
  return rows.map((row) => {
    const [name = '', , modes = '', reason = '', requests = '', outcome = '', circuit = '', health = ''] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.replaceAll('`', '').trim());
    return { name, modes: modesOf(modes), reason, requests: Number(requests), outcome, circuit, health };
  });
}

function modesOf(cell: string): readonly Mode[] {
  if (cell === 'all') return MODES;
  return MODES.filter((mode) => cell.split(', ').includes(mode));
}

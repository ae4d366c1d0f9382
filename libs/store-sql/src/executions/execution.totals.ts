import { type Kysely, sql } from 'kysely';
import type { Flavour } from '../database/flavour.js';
import {
  ENDED,
  type ExecutionRow,
  type ExecutionSchema,
  EXECUTIONS,
  hasEnded,
  TOTALS,
  type TotalsRow,
} from './execution.schema.js';

type Cell = Pick<TotalsRow, 'workflow' | 'status' | 'bucket'>;

/** What the totals have to know of an execution. */
export const COUNTED_COLUMNS = [
  ...(['workflow', 'status', 'duration_ms', 'degraded', 'nodes', 'attempts', 'retries', 'fallbacks'] as const),
  ...(['input_tokens', 'output_tokens', 'cost_usd'] as const),
] satisfies readonly (keyof ExecutionRow)[];

export type Counted = Pick<ExecutionRow, (typeof COUNTED_COLUMNS)[number]>;

/** What is added up, and the share of one execution, as the migration reads it as well. */
const FIGURES = {
  executions: '1',
  with_retries: 'case when retries > 0 then 1 else 0 end',
  with_fallbacks: 'case when fallbacks > 0 then 1 else 0 end',
  ...{ degraded: 'degraded', nodes: 'nodes', attempts: 'attempts', retries: 'retries', fallbacks: 'fallbacks' },
  ...{ input_tokens: 'input_tokens', output_tokens: 'output_tokens', cost_usd: 'cost_usd' },
} satisfies Record<Exclude<keyof TotalsRow, keyof Cell>, string>;
export const FIGURE_NAMES = Object.keys(FIGURES) as (keyof typeof FIGURES)[];

/** Under this name stands what unfinished executions bring along from an earlier end. */
export const OPEN = 'open';

/** Durations above 2^7 ms are told apart by their first 7 bits, which is within 1.6 %; the last bits of years do not matter. */
const EXACT_BITS = 7;
const MOST_BITS = 42;

/** The shortest duration of those that are counted together. */
function bucketOf(durationMs: number | null): number {
  const whole = Math.floor(durationMs ?? 0);
  const bits = whole === 0 ? 0 : Math.floor(Math.log2(whole)) + 1;
  return Math.floor(whole / widthOf(bits)) * widthOf(bits);
}

function widthOf(bits: number): number {
  return 2 ** (Math.min(Math.max(bits, EXACT_BITS), MOST_BITS) - EXACT_BITS);
}

/** {@link bucketOf} as SQL. */
function bucketSql(flavour: Flavour): string {
  const of = (width: number) =>
    flavour === 'sqlite'
      ? `cast(duration_ms / ${width} as integer) * ${width}`
      : `floor(duration_ms / ${width}) * ${width}`;
  const cases = [];
  for (let bits = EXACT_BITS; bits < MOST_BITS; bits++)
    cases.push(`when duration_ms < ${2 ** bits} then ${of(widthOf(bits))}`);
  return `case when duration_ms is null then 0 ${cases.join(' ')} else ${of(widthOf(MOST_BITS))} end`;
}

/** Statements that count what is there already. May be run again. */
export function countAll(flavour: Flavour): string[] {
  const ended = `status in ('${ENDED.join("', '")}')`;
  const sums = Object.values(FIGURES).map((figure) => `sum(${figure})`);
  return [
    `delete from ${TOTALS}`,
    `insert into ${TOTALS} (workflow, status, bucket, ${FIGURE_NAMES.join(', ')})
      select workflow, standing, bucket, ${sums.join(', ')} from
        (select e.*, ${bucketSql(flavour)} as bucket, case when ${ended} then status else '${OPEN}' end as standing
          from ${EXECUTIONS} e where ${ended} or nodes + attempts > 0) as counted
      group by workflow, standing, bucket`,
  ];
}

/** The row of the totals to which an execution belongs, with its own share of it. */
function shareOf(execution: Counted): TotalsRow | undefined {
  const { workflow, status, duration_ms: durationMs, retries, fallbacks, nodes, attempts } = execution;
  const ended = hasEnded(status);
  if (!ended && nodes + attempts === 0) return undefined;
  return {
    ...{ workflow, status: ended ? status : OPEN, bucket: bucketOf(durationMs) },
    ...{ executions: 1, with_retries: retries > 0 ? 1 : 0, with_fallbacks: fallbacks > 0 ? 1 : 0 },
    ...{ degraded: execution.degraded, nodes, attempts, retries, fallbacks },
    input_tokens: Number(execution.input_tokens),
    output_tokens: Number(execution.output_tokens),
    cost_usd: execution.cost_usd,
  };
}

/** What the changes of one transaction do to the totals. */
export class Tally {
  private readonly cells = new Map<string, TotalsRow>();

  /** An execution becomes another one; `undefined`: there was none, or there is none any more. */
  move(before: Counted | undefined, after: Counted | undefined): this {
    this.add(before, -1);
    this.add(after, 1);
    return this;
  }

  /** The last step of the transaction: others wait for these rows until it ends. */
  async keep(trx: Kysely<ExecutionSchema>, flavour: Flavour): Promise<void> {
    // In one order, so that no two transactions wait for each other.
    for (const key of [...this.cells.keys()].sort()) {
      const cell = this.cells.get(key)!;
      await addTo(flavour, cell).execute(trx);
      if (cell.executions >= 0) continue;
      const { workflow, status, bucket } = cell;
      const emptied = trx.deleteFrom(TOTALS).where('executions', '<=', 0);
      await emptied
        .where('workflow', '=', workflow)
        .where('status', '=', status)
        .where('bucket', '=', bucket)
        .execute();
    }
  }

  private add(execution: Counted | undefined, sign: 1 | -1): void {
    const share = execution && shareOf(execution);
    if (share === undefined) return;
    const key = `${share.status} ${share.bucket} ${share.workflow}`;
    const cell = this.cells.get(key);
    const sum = { ...share };
    for (const name of FIGURE_NAMES) sum[name] = (cell?.[name] ?? 0) + sign * share[name];
    this.cells.set(key, sum);
  }
}

const INSERT = sql.raw(`insert into ${TOTALS} (workflow, status, bucket, ${FIGURE_NAMES.join(', ')})`);
const ADD = sql.raw(
  `on conflict (workflow, status, bucket) do update set ${FIGURE_NAMES.map((name) => `${name} = ${TOTALS}.${name} + excluded.${name}`).join(', ')}`,
);
const ADD_MYSQL = sql.raw(
  `on duplicate key update ${FIGURE_NAMES.map((name) => `${name} = ${name} + values(${name})`).join(', ')}`,
);

function addTo(flavour: Flavour, cell: TotalsRow) {
  const values = [cell.workflow, cell.status, cell.bucket, ...FIGURE_NAMES.map((name) => cell[name])];
  return sql`${INSERT} values (${sql.join(values)}) ${flavour === 'mysql' ? ADD_MYSQL : ADD}`;
}

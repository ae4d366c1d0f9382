import type { Clock } from '@nest-resilience/core';
import type { CompiledHeal, HealFailure, HealView } from '../graph/heal.js';
import type { HealRecord } from '../ledger/execution.js';
import { structuredError } from '../ledger/structured-error.js';
import type { AttemptLog, Trier } from './attempt-log.js';
import { pause } from './ledger-failure.js';

/** What healing needs of the node it heals. */
export interface HealPatient extends Pick<HealFailure, 'node' | 'executionId' | 'idempotencyKey' | 'signal'> {
  readonly trier: Trier;
  readonly log: AttemptLog;
  readonly clock: Clock;
  /** What the node was given last. */
  input(): unknown;
  /** Runs the node through its policies. */
  attempt(view?: HealView): Promise<unknown>;
  /** Runs a diagnosis or a remedy that is a node. */
  runNode(name: string, view: HealView): Promise<unknown>;
}

/** Fail, diagnose, mend, try again. Whatever goes wrong with the healing itself, the node's own error is thrown. */
export async function runHealing(heal: CompiledHeal, patient: HealPatient): Promise<unknown> {
  let view: HealView | undefined;
  for (let round = 1; ; round++) {
    try {
      return await patient.attempt(view);
    } catch (error) {
      if (patient.signal.aborted || round > heal.rounds) throw error;
      const mended = await mend(heal, patient, error, round);
      if (patient.signal.aborted || !mended) throw error;
      await pause(heal.delayMs * 2 ** (round - 1), patient.clock, patient.signal);
      view = mended;
    }
  }
}

async function mend(
  heal: CompiledHeal,
  patient: HealPatient,
  thrown: unknown,
  round: number,
): Promise<HealView | undefined> {
  const { clock, log, trier } = patient;
  const startedAt = clock.now();
  const note = (found: Pick<HealRecord, 'outcome' | 'issue' | 'remedy' | 'error'>): undefined => {
    const { by, index } = trier;
    const durationMs = clock.now() - startedAt;
    log.noteHeal(trier, { round, by, ...(index !== undefined && { index }), ...found, durationMs });
  };
  const failure = { node: patient.node, input: patient.input(), error: structuredError(thrown), round };
  let diagnosis: unknown;
  try {
    diagnosis = await apply(heal.diagnose, 'diagnose', patient, failure);
  } catch (error) {
    return note({ outcome: 'undiagnosed', error: structuredError(error) });
  }
  const issue = issueOf(diagnosis);
  const remedy = (issue === undefined ? undefined : heal.remedies.get(issue)) ?? heal.otherwise;
  const known = issue === undefined ? {} : { issue };
  if (remedy === undefined) return note({ ...known, outcome: issue === undefined ? 'undiagnosed' : 'no_remedy' });
  const name = typeof remedy === 'string' ? remedy : `remedy of ${issue ?? 'anything else'}`;
  const view = { ...failure, ...known, diagnosis: diagnosis ?? null };
  try {
    const result = await apply(remedy, name, patient, view);
    note({ ...known, remedy: name, outcome: 'applied' });
    return { ...view, remedy: result ?? null };
  } catch (error) {
    return note({ ...known, remedy: name, outcome: 'remedy_failed', error: structuredError(error) });
  }
}

/** A function's work is noted as an attempt like a node's. */
function apply(
  what: string | ((failure: HealFailure) => unknown),
  name: string,
  patient: HealPatient,
  view: HealView,
): Promise<unknown> {
  if (typeof what === 'string') return patient.runNode(what, view);
  const { executionId, signal, trier } = patient;
  const key = `${patient.idempotencyKey}:${name.replaceAll(' ', '-')}:heal${view.round}`;
  const by: Trier = { ...trier, by: `${patient.node} > ${name}` };
  const work = (): unknown => what({ ...view, executionId, idempotencyKey: key, signal });
  return patient.log.note(by, signal, work);
}

function issueOf(diagnosis: unknown): string | undefined {
  const issue: unknown =
    typeof diagnosis === 'object' && diagnosis !== null ? (diagnosis as { issue?: unknown }).issue : diagnosis;
  const text = typeof issue === 'string' ? issue.trim() : '';
  return text === '' ? undefined : text;
}

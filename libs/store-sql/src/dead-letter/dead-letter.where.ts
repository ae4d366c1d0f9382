import { type DeadLetterFilter, storedFilter, textInJson } from '@nest-resilience/core';
import { type ExpressionBuilder, type ExpressionWrapper, sql, type SqlBool } from 'kysely';
import { contains, type Flavour } from '../database/flavour.js';
import type { DeadLetterSchema } from './dead-letter.schema.js';

type Where = ExpressionBuilder<DeadLetterSchema, 'resilience_dead_letters'>;

/** A filter as a condition. */
export function whereFilter(filter: DeadLetterFilter, flavour: Flavour) {
  return (eb: Where): ExpressionWrapper<DeadLetterSchema, 'resilience_dead_letters', SqlBool> => {
    const { queue, status, target, errorName, from, to, text } = storedFilter(filter);
    const all = [];
    if (queue !== undefined) all.push(eb('queue', '=', queue));
    if (typeof status === 'string') all.push(eb('status', '=', status));
    // `in ()` is no SQL everywhere; no status at all matches nothing.
    else if (status !== undefined) all.push(status.length > 0 ? eb('status', 'in', status) : sql<SqlBool>`1 = 0`);
    if (target !== undefined) all.push(eb('target', '=', target));
    if (errorName !== undefined) all.push(eb('error_name', '=', errorName));
    if (from !== undefined) all.push(eb('created_at', '>=', from));
    if (to !== undefined) all.push(eb('created_at', '<', to));
    if (text !== undefined) {
      const columns = (['error_message', 'target', 'args', 'note'] as const).map((column) => eb.ref(column));
      const found = columns.map((column) => contains(flavour, column, text));
      const inJson = textInJson(filter.text ?? '');
      all.push(eb.or(inJson === text ? found : [...found, contains(flavour, eb.ref('args'), inJson)]));
    }
    return eb.and(all);
  };
}

import type { Compilable, CompiledQuery, Kysely } from 'kysely';
import type { Flavour } from './flavour.js';

/** Stands for a value while the text of a query is made. */
class Slot {
  constructor(readonly place: number) {}
}

/**
 * A query that is always the same but for its values: Kysely would build its tree and compile it anew for each call, which costs more than
 * SQLite takes to run it.
 * @param build must put each value into the query as it is
 * @returns runs the query, whose text is made once for each kind of database
 */
export function compiledOnce<Schema, Row, Values extends readonly unknown[]>(
  build: (db: Kysely<Schema>, flavour: Flavour, ...values: Values) => Compilable<Row>,
): (db: Kysely<Schema>, flavour: Flavour, ...values: Values) => Promise<Row[]> {
  const queries = new Map<Flavour, CompiledQuery<Row>>();
  return async (db, flavour, ...values) => {
    let query = queries.get(flavour);
    if (query === undefined) {
      query = build(db, flavour, ...(values.map((_, place) => new Slot(place)) as unknown as Values)).compile();
      queries.set(flavour, query);
    }
    const parameters = query.parameters.map((value) => (value instanceof Slot ? values[value.place] : value));
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}

import type { DurationFigure, Figure } from '../../engine/figure.js';

type Row = Figure | DurationFigure;

/** Every figure of an application, each described once: what the engine counts, and what other modules add. */
export class FigureTable {
  private readonly rows: Row[] = [];
  private readonly readers = new Set<(row: Row) => void>();

  add(...rows: readonly Row[]): void {
    this.rows.push(...rows);
    for (const reader of this.readers) rows.forEach(reader);
  }

  /** Calls with those there are and those to come. Returns what ends it. */
  each(reader: (row: Row) => void): () => void {
    this.rows.forEach(reader);
    this.readers.add(reader);
    return () => void this.readers.delete(reader);
  }
}

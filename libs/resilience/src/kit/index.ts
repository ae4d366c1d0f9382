/**
 * Internal: what the sibling packages share with the core. It may change with any release; applications use the other entries.
 */
export { byLevel, counter, type DurationFigure, each, eachBy, type Figure, gauge } from '../nest/figures/figure.js';
export { FigureTable } from '../nest/figures/figure-table.js';

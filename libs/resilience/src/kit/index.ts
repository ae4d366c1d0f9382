/**
 * Internal: what the sibling packages share with the core. It may change with any release; applications use the other entries.
 * It loads nothing of Nest, so that a program may use it, too.
 */
export { didYouMean, nearest } from '../engine/did-you-mean.js';
export { byLevel, counter, type DurationFigure, each, eachBy, type Figure, gauge } from '../nest/figures/figure.js';
export { FigureTable } from '../nest/figures/figure-table.js';

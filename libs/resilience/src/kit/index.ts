/**
 * Internal: what the sibling packages share with the core. It may change with any release; applications use the other entries.
 * It loads nothing of Nest, so that a program may use it, too.
 */
export { countLevel, OutcomeCounts } from '../engine/call-stats.js';
export { FAILURE_REASONS } from '../engine/classifier/classification.js';
export type { CircuitCause, CircuitNews, CircuitPeers, PeerCircuit } from '../engine/circuit-peers.js';
export { didYouMean, nearest } from '../engine/did-you-mean.js';
export { DurationHistogram } from '../engine/duration-histogram.js';
export { mapSchemas, readJsonSchema } from '../engine/json-schema.js';
export { type Clock, systemClock } from '../engine/clock.js';
export { createPace } from '../engine/pace.js';
export { RecentMap } from '../engine/recent-map.js';
export { repeat, repeatAfterEach } from '../engine/repeat.js';
export { uuidV7Source } from '../engine/uuid-v7.js';
export { within } from '../engine/within.js';
export type { HealthCheckState } from '../health/health.report.js';
export { type HealthSource, RESILIENCE_HEALTH } from '../health/health.token.js';
export { byLevel, counter, type DurationFigure, each, eachBy, type Figure, gauge, outcomes } from '../engine/figure.js';
export { UPSTREAM } from '../nest/wire/wire-error.js';
export { FigureTable } from '../nest/figures/figure-table.js';
export { TokenBucket } from '../rate-limit/token-bucket.js';

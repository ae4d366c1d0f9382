import { CIRCUIT_STATES } from '../circuit-breaker/circuit-breaker.state.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit-snapshot.js';
import type { MethodMetrics } from '../engine/call-stats.js';
import type { ControllerDescription, RouteDescription } from '../nest/openapi/describe-routes.js';
import { problem } from '../nest/openapi/problem.schema.js';
import {
  anyObject,
  dictionary,
  type FieldsOf,
  integer,
  list,
  nullable,
  number,
  object,
  objectOf,
  oneOf,
  text,
} from '../nest/openapi/schema.js';
import type { PolicyLayer, PolicyReport } from '../nest/policy-report.js';
import type { ShownMetrics } from './admin.controller.js';
import type { CircuitView } from './circuit.view.js';

const SNAPSHOT: FieldsOf<CircuitSnapshot> = {
  state: oneOf(CIRCUIT_STATES),
  failureRate: number('0 to 1, of the calls in the window'),
  slowCallRate: number('0 to 1'),
  calls: integer('In the window'),
  failures: integer('In the window'),
  notPermitted: integer('Calls refused since the circuit was made or reset'),
  'openedAt?': integer('Epoch milliseconds; missing unless open or half open'),
  retryAfterMs: number('Until the next probe'),
};
const CIRCUIT = objectOf<CircuitView>({ name: text(), ...SNAPSHOT });

const METHOD = objectOf<MethodMetrics>({
  total: integer('Calls, whatever number of attempts they took'),
  successful: integer('Calls that a fallback rescued among them'),
  failed: integer(),
  successRate: number('0 to 1, of calls'),
  retryRate: number('Share of calls that were tried more than once'),
  averageAttempts: number(),
  fallbacks: integer('Calls that a fallback rescued'),
  p50: number('Milliseconds of whole calls'),
  p95: number('Milliseconds of whole calls'),
  p99: number('Milliseconds of whole calls'),
});

const LAYER = objectOf<PolicyLayer>({
  policy: text('e.g. Retry'),
  source: text('Where it was written: on the method, on its class, or by name'),
  options: anyObject('In effect, defaults included; durations in milliseconds'),
});

export const FIGURES: ControllerDescription = {
  tag: 'resilience',
  routes: {
    metrics: {
      summary: 'What was counted, per call',
      responses: {
        200: {
          description: 'Per method, circuit and queue, since this process began',
          schema: objectOf<ShownMetrics>({
            methods: dictionary(METHOD),
            circuits: dictionary(objectOf<CircuitSnapshot>(SNAPSHOT)),
            circuitsTotal: integer('Circuits there are; of keyed breakers the worst are shown'),
            deadLetters: object({ size: integer('Open entries'), byQueue: dictionary(integer()) }),
          }),
        },
      },
    },
    circuits: {
      summary: 'Circuits as they are now, worst first',
      responses: {
        200: {
          description:
            'Keys of keyed circuits show as numbers, of each breaker the worst 50; X-Total-Count has the number of all',
          schema: list(CIRCUIT),
        },
      },
    },
    policies: {
      summary: 'What protects what, in effective order',
      responses: {
        200: {
          description: 'Decorated methods, then named policies',
          schema: list(
            objectOf<PolicyReport>({
              name: text('Class.method, or the name of the policy'),
              declaredIn: nullable(text()),
              layers: list(LAYER, 'Outermost first'),
            }),
          ),
        },
      },
    },
  },
};

export const OPEN = object({
  'for?': {
    ...text('How long, e.g. 5m; without it until it is closed or reset'),
    pattern: '^[0-9]{1,9}(ms|s|m|h|d)?$',
  },
});

const switching = (summary: string, more: RouteDescription['responses'] = {}): RouteDescription => ({
  summary,
  description: 'Acts on this process; with ClusterModule on all replicas, and on those to come.',
  params: { name: text('As the list shows it, or with its key') },
  responses: {
    200: { description: 'The circuit as it is now', schema: CIRCUIT },
    ...more,
    404: problem('There is no such circuit; a circuit exists from the first call of its method'),
  },
});

export const SWITCHES: ControllerDescription = {
  tag: 'resilience',
  routes: {
    open: {
      ...switching('Refuse every call until it is closed or reset, or for a time', {
        400: problem('The body cannot be; every problem is named'),
      }),
      body: OPEN,
    },
    metricsOnly: switching('Admit everything and record: tells when it would open, and never does'),
    close: switching('Close with an empty window'),
    disable: switching('Admit everything and record nothing'),
    reset: switching('As new: in its initial state, nothing counted'),
  },
};

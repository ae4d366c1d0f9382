import { counter, each, eachBy, gauge, named } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { CircuitBook } from './circuit-book.js';
import { CIRCUIT_BREAKER } from './circuit-breaker.options.js';
import { CIRCUIT_STATES } from './circuit-breaker.state.js';

export const CIRCUIT_BREAKER_POLICY = describePolicy({
  options: CIRCUIT_BREAKER,
  layers: [{ slot: 'circuit', name: 'CircuitBreaker', shows: ['name', 'window', 'recoveryTimeout', 'key'] }],
  inFiles: 'Options of @CircuitBreaker.',
  shared: true,
  state: () => new CircuitBook(),
  stage(options, build) {
    const name = options.name ?? build.name;
    return build.state.of(name, { ...build, what: `Circuit '${name}'`, declared: options }, build.context);
  },
  figures: (book) => {
    const states = eachBy(
      () => book.families(),
      named('circuit'),
      'state',
      ({ members }) =>
        CIRCUIT_STATES.map((state) => [state, members.filter((member) => member.state === state).length] as const),
    );
    const refused = each(
      () => book.families(),
      named('circuit'),
      ({ members }) => members.reduce((sum, member) => sum + member.snapshot().notPermitted, 0),
    );
    const stateHelp = '1 for the state a circuit is in; of a keyed breaker, how many of its circuits are';
    return [
      gauge('resilience.circuit.state', '{circuit}', stateHelp, states),
      counter('resilience.circuit.rejections', '{call}', 'Calls refused by a circuit', refused, {
        series: 'resilience.circuit.rejected',
      }),
    ];
  },
});

import { describePolicy } from '../engine/policy-descriptor.js';
import { DEAD_LETTER } from './dead-letter.options.js';
import { DeadLetterPolicy } from './dead-letter.policy.js';

export const DEAD_LETTER_POLICY = describePolicy({
  options: DEAD_LETTER,
  layers: [{ slot: 'deadLetter', name: 'DeadLetter', shows: ['queue', 'capture', 'rethrow'] }],
  stage: (options, { name, deadLetters }) => new DeadLetterPolicy(options, deadLetters(options, name)),
});

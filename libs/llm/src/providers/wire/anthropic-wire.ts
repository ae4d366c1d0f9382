import type { Wire } from './event-mender.js';

/** The wire of `/messages`. */
export const ANTHROPIC_WIRE: Wire = {
  keyHeader: 'x-api-key',
  trigger: /message_stop/,
  mender: () => ({ mend: (data) => ({ data: [data], saidAll: /^\{"type":\s*"message_stop"/.test(data) }) }),
};

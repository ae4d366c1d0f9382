import { afterEach, describe, expect, it } from '@jest/globals';

import { type Edit, Installed } from './installed.js';

/** A copy whose bindings look different: an old or a future version. */
const OTHER_LAYOUT: Edit = ['nest/copies.js', 'const LAYOUT = 1;', 'const LAYOUT = 0;'];

let installed: Installed;

afterEach(() => installed.remove());

describe('A library and its application with a copy of core each', () => {
  it('its classes are protected, and errors of one are known to the other; the boot names both, once', () => {
    installed = new Installed(2);

    const report = installed.run();

    expect(report).toMatchObject({
      calls: 3,
      lost: 'lost 7',
      own: 'after 3',
      retried: { status: 200, body: { runs: 3, args: 0 } },
      refused: [{ status: 500 }, { status: 503, body: { code: 'RESILIENCE_CIRCUIT_OPEN' } }],
      raised: { status: 503, body: { code: 'RESILIENCE_CIRCUIT_OPEN' } },
      methods: {
        'SharedClient.fetch': { total: 1, successful: 1, averageAttempts: 3 },
        'SharedController.retried': { total: 1, averageAttempts: 3 },
        'OwnClient.own': { total: 1, averageAttempts: 2 },
        'OwnClient.fetch': { total: 1, averageAttempts: 3 },
      },
      deadLetters: ['SharedClient.lose'],
      protected: expect.arrayContaining(['SharedClient.fetch', 'SharedController.retried', 'OwnClient.fetch']),
      sameClass: false,
      requiredIsImported: true,
      refusal: { circuitOpen: true, resilience: true, timeout: false, ofTheUser: false },
      theirs: { circuitOpen: true, resilience: true, plain: false, ofTheUser: false },
    });
    expect(report).toHaveProperty('lines', [
      expect.stringMatching(
        `^Two copies of @nest-resilience/core \\(0\\.1\\.0 at ${installed.ofApp}, 0\\.1\\.0 at ${installed.ofShared}\\)`,
      ),
      expect.stringContaining('Dead letters'),
      expect.stringContaining('Dead letters'),
    ]);
  });

  it('too far apart to work together, they leave each other alone: its classes are plain, and the boot says so', () => {
    installed = new Installed(2, OTHER_LAYOUT);

    const report = installed.run();

    expect(report).toMatchObject({
      calls: 1,
      failed: 'not yet',
      own: 'Error: not yet',
      retried: { status: 500 },
      refused: [{ status: 500 }, { status: 500 }],
      raised: { status: 503 },
      protected: ['OwnClient.own'],
      refusal: { circuitOpen: false },
      theirs: { circuitOpen: true, resilience: true },
    });
    expect(report).toHaveProperty(
      'lines',
      expect.arrayContaining([
        expect.stringContaining(`What 0.1.0 at ${installed.ofShared} decorates is NOT protected by this application`),
      ]),
    );
  });

  it('with one copy there is nothing to say', () => {
    installed = new Installed(1);

    const report = installed.run();

    expect(report).toMatchObject({ calls: 3, sameClass: true, refusal: { circuitOpen: true, ofTheUser: false } });
    expect(report).not.toHaveProperty('lines', expect.arrayContaining([expect.stringContaining('copies')]));
  });
});

import { describe, expect, it } from '@jest/globals';
import { loadDriver } from './load-driver.js';

describe('loadDriver', () => {
  it('loads what is installed', () => {
    expect(loadDriver('pg', 'postgresStore', '')).toHaveProperty('Pool');
  });

  it('says what to install', () => {
    expect(() => loadDriver('no-such-driver', 'someStore', ', or pass a `pool`')).toThrow(
      "someStore needs the package 'no-such-driver': `npm install no-such-driver`, or pass a `pool`",
    );
  });
});

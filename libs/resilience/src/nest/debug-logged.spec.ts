import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ConsoleLogger, Logger, type LoggerService, type LogLevel } from '@nestjs/common';

import { debugLogged } from './debug-logged.js';

const own: LoggerService = { log() {}, warn() {}, error() {}, debug() {} };

describe('Whether a debug message would be printed', () => {
  afterEach(() => {
    jest.restoreAllMocks();
    Logger.overrideLogger(new ConsoleLogger());
  });

  it.each<[string, LoggerService | LogLevel[] | false, boolean]>([
    ['no, without a logger', false, false],
    ["yes, with Nest's own", new ConsoleLogger(), true],
    ['yes, down to a level below', new ConsoleLogger({ logLevels: ['verbose'] }), true],
    ['no, down to a level above', new ConsoleLogger({ logLevels: ['log', 'error'] }), false],
    ["yes, with the application's own", own, true],
  ])('%s', (_, logger, expected) => {
    Logger.overrideLogger(logger);

    expect(debugLogged()).toBe(expected);
  });

  it('yes, where Nest 11 denies every level because none were set', () => {
    Logger.overrideLogger(own);
    jest.spyOn(Logger, 'isLevelEnabled').mockReturnValue(false);

    expect(debugLogged()).toBe(true);
  });

  it('no, where levels were set and debug is not among them', () => {
    Logger.overrideLogger(own);
    jest.spyOn(Logger, 'isLevelEnabled').mockImplementation((level) => level !== 'debug');

    expect(debugLogged()).toBe(false);
  });
});

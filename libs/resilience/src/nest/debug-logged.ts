import { ConsoleLogger, Logger } from '@nestjs/common';

/**
 * Whether a debug message would be printed, for those that are costly to make. `Logger.isLevelEnabled` says so from Nest 12 on;
 * in Nest 11 it denies every level where none were set, and prints them all.
 */
export const debugLogged = (): boolean => StaticLogger.printsDebug();

/** Only to see which logger is in use: Nest shows that to its subclasses. */
class StaticLogger extends Logger {
  static printsDebug(): boolean {
    const logger = this.staticInstanceRef;
    if (logger === undefined) return false;
    if (logger instanceof ConsoleLogger) return logger.isLevelEnabled('debug');
    return Logger.isLevelEnabled('debug') || !Logger.isLevelEnabled('fatal');
  }
}

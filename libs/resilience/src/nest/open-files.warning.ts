import { Logger } from '@nestjs/common';
import { openToOthers } from '../engine/private-files.js';

const logger = new Logger('Resilience:Files');
/** A file that two stores share is told of once. */
const told = new Set<string>();

/** Warns of files and directories with kept data that other users of the machine can read, with the command that ends it. */
export function warnOfOpenFiles(...paths: readonly string[]): void {
  for (const path of paths) {
    const warning = openToOthers(path);
    if (warning === undefined || told.has(warning)) continue;
    told.add(warning);
    logger.warn(warning);
  }
}

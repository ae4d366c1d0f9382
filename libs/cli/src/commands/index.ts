import type { Command } from '../command.js';
import { counts } from './counts.command.js';
import { discard } from './discard.command.js';
import { exportEntries } from './export.command.js';
import { importEntries } from './import.command.js';
import { list } from './list.command.js';
import { purge } from './purge.command.js';
import { redrive } from './redrive.command.js';
import { show } from './show.command.js';

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [list, counts, show, redrive, discard, purge, exportEntries, importEntries];

import type { Logger } from '@nestjs/common';
import type { Clock } from '@nest-resilience/core';
import { DirectoryWatch } from './directory-watch.js';
import type { ReloadReport } from './workflow-loader.js';

/** Reloads workflows whenever their files changed, and says in the log what came of it. */
export function watchWorkflows(
  directories: readonly string[],
  clock: Clock,
  reload: () => Promise<ReloadReport>,
  logger: Pick<Logger, 'log' | 'warn' | 'error'>,
): DirectoryWatch {
  const changed = (): void => {
    reload().then(
      (report) => {
        const parts = describe(report);
        if (parts.length > 0) logger.log(`Workflows ${parts.join('; ')}`);
      },
      (error: unknown) => logger.error(`Workflows stay as they were: ${(error as Error).message}`),
    );
  };
  return new DirectoryWatch(directories, clock, changed, (directory, error) =>
    logger.warn(`Changes in ${directory} are not seen: ${(error as Error).message}`),
  );
}

function describe({ added, changed, removed }: ReloadReport): string[] {
  return Object.entries({ added, changed, removed }).flatMap(([how, names]) =>
    names.length > 0 ? [`${how}: ${names.join(', ')}`] : [],
  );
}

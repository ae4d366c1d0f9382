import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a server is installed; `undefined` if it is not. */
export function findProgram(name: string): string | undefined {
  // Servers are often where only root's path leads.
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return directories
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

import { createRequire } from 'node:module';

const requireHere = createRequire(import.meta.url);

/**
 * Loads an optional peer when it is needed.
 * @throws Error that says what to install
 */
export function loadDriver(name: string, neededBy: string, otherWay: string): unknown {
  try {
    return requireHere(name);
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new Error(`${neededBy} needs the package '${name}': \`npm install ${name}\`${otherWay}`, { cause });
  }
}

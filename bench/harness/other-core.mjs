/** Preloaded by `npm run bench -- --against <folder>`: `@nest-resilience/core` is then the build in that folder. */
import * as module from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A package finds itself by its own name. */
const inside = pathToFileURL(join(process.env.CORE_BUILD, 'package.json')).href;

export function resolve(specifier, context, next) {
  const core = /^@nest-resilience\/core($|\/)/.test(specifier);
  return next(specifier, core ? { ...context, parentURL: inside } : context);
}

if (module.registerHooks !== undefined) module.registerHooks({ resolve });
else module.register(import.meta.url);

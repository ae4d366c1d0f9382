import { Logger } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import { sharedValue } from './copies.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

const missing = sharedValue('missing-module', () => ({ told: false }));

/** Says once that decorators have no effect, when the application that made their class does not import the module. */
export function noteMissingModule(application: ModuleRef, who: string): void {
  if (missing.told || knowsRuntime(application)) return;
  missing.told = true;
  new Logger('Resilience:Modules').warn(
    `${who} decorators of @nest-resilience/core, but nothing in this application imports ResilienceModule, so they have no effect: ` +
      'no retry, no circuit, no dead letter. Add ResilienceModule.forRoot() to the imports of the root module',
  );
}

/** Also a mock of it: then a test wants plain methods. */
function knowsRuntime(application: ModuleRef): boolean {
  try {
    application.get(RESILIENCE_RUNTIME, { strict: false });
    return true;
  } catch {
    return false;
  }
}

import type { Type } from '@nestjs/common';
import { type ControllerDescription, describeRoutes } from '../nest/openapi/describe-routes.js';
import { ownController } from '../nest/openapi/own-controller.js';
import { problem } from '../nest/openapi/problem.schema.js';
import { AdminController } from './admin.controller.js';
import type { AdminAccess } from './admin.options.js';
import { FIGURES, SWITCHES } from './circuit.openapi.js';
import { CircuitsController } from './circuits.controller.js';
import { DEAD_LETTERS } from './dead-letter.openapi.js';
import { DeadLetterController } from './dead-letter.controller.js';
import { EVENTS } from './event.openapi.js';
import { EventsController } from './events.controller.js';

/** What the guard answers, and what it wants to see. */
const GUARDED: Readonly<Record<AdminAccess['by'], Pick<ControllerDescription, 'security' | 'responses'>>> = {
  nobody: { responses: { 403: problem('Closed until the application says who may use it') } },
  token: { security: 'bearer', responses: { 401: problem('Needs the token of the application') } },
  // What the application's guard wants is its own to describe.
  guard: { responses: { 403: problem('The guard of the application did not let it through') } },
};

/** The controllers of one module and how to describe them, where `@nestjs/swagger` is installed. */
export function describedControllers(events: boolean): {
  controllers: Type[];
  describe: (access: AdminAccess) => Promise<void>;
} {
  const guarded: [Type, ControllerDescription][] = [
    [CircuitsController, SWITCHES],
    [DeadLetterController, DEAD_LETTERS],
  ];
  if (events) guarded.push([EventsController, EVENTS]);
  const own = guarded.map(([type, description]) => [ownController(type), description] as const);
  return {
    controllers: [AdminController, ...own.map(([type]) => type)],
    describe: ({ by }) =>
      describeRoutes([
        [AdminController, FIGURES],
        ...own.map(([type, description]): [Type, ControllerDescription] => [type, { ...description, ...GUARDED[by] }]),
      ]),
  };
}

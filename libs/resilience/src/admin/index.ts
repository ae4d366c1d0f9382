export { AdminRoute } from './admin-route.decorator.js';
export { AdminController } from './admin.controller.js';
export { AdminGuard } from './admin.guard.js';
export { AdminModule } from './admin.module.js';
export {
  type AdminAccess,
  type AdminModuleOptions,
  DEFAULT_ADMIN_MODULE_OPTIONS,
  RESILIENCE_ADMIN,
} from './admin.options.js';
export { BodyGate } from './body-gate.js';
export type { CircuitView } from './circuit.view.js';
export { CircuitsController } from './circuits.controller.js';
export { DeadLetterController } from './dead-letter.controller.js';
export type { DeadLetterView } from '../dead-letter/dead-letter.view.js';
export type { EventDetail, EventDetails } from './event-details.js';
export { DEFAULT_EVENT_LOG_OPTIONS, type EventFilter, EventLog, type LoggedEvent } from './event-log.js';
export { EventsController } from './events.controller.js';
export { NeverStored } from './never-stored.js';
export { ROUTINE } from './operator-acts.js';
export { type ProblemAnswer, ProblemException, ProblemFilter } from './problem.js';
export { RefusedCredentials } from './refused-credentials.js';
export {
  type ControllerDescription,
  describeRoutes,
  type ResponseDescription,
  type RouteDescription,
} from '../nest/openapi/describe-routes.js';
export { extended as extendedModule, GIVEN_OPTIONS, settings as moduleSettings } from '../nest/module-options.js';
export { ownController } from '../nest/openapi/own-controller.js';
export { type Problem, problem as routeProblem, problemType, problemWith } from '../nest/openapi/problem.schema.js';
export { beforeBodies, leaveUnread, markHandler } from '../nest/private/before-bodies.js';
export { answerEvents, goneSignal, HttpResponse } from '../nest/wire/http-response.js';
export { RefusedBodies } from '../nest/private/refused-bodies.js';
export { type RefusedBody, refusedBody } from '../nest/private/refused-body.js';
export { answerOf as wireAnswerOf, type WireAnswer, WireError } from '../nest/wire/wire-error.js';
export * as schemas from '../nest/openapi/schema.js';

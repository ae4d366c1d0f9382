import { applyDecorators, UseFilters, UseGuards } from '@nestjs/common';
import { AdminGuard } from './admin.guard.js';
import { ProblemFilter } from './problem.js';

/** Closes a controller or a route to all but those whom the application named in `AdminModule.forRoot()`. */
export function AdminRoute(): ClassDecorator & MethodDecorator {
  return applyDecorators(UseGuards(AdminGuard), UseFilters(ProblemFilter));
}

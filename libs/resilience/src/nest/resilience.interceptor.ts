import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import { catchError, defer, type Observable, throwError } from 'rxjs';

import type { Binding } from './binding.js';
import { type HandlerMark, handlerMarks } from './handler-mark.js';
import { methodPolicyOf } from './method-policy.js';
import { RESILIENCE_RUNTIME } from './tokens.js';
import { endWithClient } from './wire/client-gone.js';

/** What the interceptor needs of the runtime. */
export interface HandlerBindings {
  bindingFor(type: NewableFunction): Binding;
}

/**
 * Puts the policies of a handler around `next.handle()`: HTTP, RPC, GraphQL, WebSocket. The decorators attach it themselves.
 *
 * Each attempt runs pipes, inner interceptors and the handler anew. What fails before the handler is reached (a pipe's 400) is
 * neither retried nor counted. Stateless: Nest makes one instance per module.
 */
@Injectable()
export class ResilienceInterceptor implements NestInterceptor {
  constructor(@Optional() @Inject(RESILIENCE_RUNTIME) private readonly runtime?: HandlerBindings) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const policy = methodPolicyOf(context.getHandler());
    if (policy === undefined || this.runtime === undefined) return next.handle() as Observable<unknown>;
    policy.intercepted = true;
    const pipeline = this.runtime.bindingFor(context.getClass()).pipeline(policy);
    const execution = pipeline.execution(undefined, []);
    const answer = pipeline.around(execution, (attempt) => {
      const mark: HandlerMark = { policy, execution, attempt, entered: false };
      // handle() binds the async context it is called in, so it must be called inside the mark.
      return defer(() => handlerMarks.run(mark, () => next.handle() as Observable<unknown>)).pipe(
        catchError((error: unknown) => {
          if (!mark.entered) execution.bypassed = true;
          return throwError(() => error);
        }),
      );
    });
    return endWithClient(context, execution)?.(answer) ?? answer;
  }
}

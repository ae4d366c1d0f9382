import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Observable } from 'rxjs';

import { type Binding, isBindingSource } from './binding.js';
import { type HandlerMark, handlerMarks, markRequest } from './private/handler-mark.js';
import { type MethodPolicy, methodPolicyOf } from './method-policy.js';
import { noteMissingModule } from './missing-module.js';
import { RESILIENCE_RUNTIME } from './tokens.js';
import { endWithClient, knowClient } from './wire/client-gone.js';

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
  private readonly runtime: HandlerBindings | undefined;

  constructor(
    @Optional() @Inject(RESILIENCE_RUNTIME) runtime?: HandlerBindings,
    @Optional() @Inject(ModuleRef) application?: ModuleRef,
  ) {
    // Nothing but ours can put policies into effect; a test may have injected a mock.
    this.runtime = isBindingSource(runtime) ? runtime : undefined;
    if (this.runtime === undefined && application !== undefined) noteMissingModule(application, 'A handler has');
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const policy = methodPolicyOf(context.getHandler());
    if (policy === undefined) return next.handle() as Observable<unknown>;
    policy.intercepted = true;
    const request = requestOf(context, policy);
    if (this.runtime === undefined) {
      if (request !== undefined) markRequest(request, { policy });
      return next.handle() as Observable<unknown>;
    }
    const pipeline = this.runtime.bindingFor(context.getClass()).pipeline(policy);
    const execution = pipeline.execution(undefined, []);
    // Attempts that run beside each other share the request, so it cannot tell them apart.
    const besides = execution.parts.hedge !== undefined;
    if (besides && request !== undefined) markRequest(request, { policy });
    const answer = pipeline.around(execution, (attempt) => {
      const mark: HandlerMark = { policy, attempt };
      // handle() binds the async context it is called in, so it must be called inside the mark.
      if (besides || request === undefined) return handlerMarks.run(mark, () => next.handle() as Observable<unknown>);
      markRequest(request, mark);
      return next.handle() as Observable<unknown>;
    });
    if (knowClient(context, execution)) return answer;
    return endWithClient(context, execution)?.(answer) ?? answer;
  }
}

/** The request, where the handler is given it. */
function requestOf(context: ExecutionContext, policy: MethodPolicy): object | undefined {
  if (!policy.takesRequest || context.getType() !== 'http') return undefined;
  const request = context.getArgByIndex<unknown>(0);
  return typeof request === 'object' && request !== null ? request : undefined;
}

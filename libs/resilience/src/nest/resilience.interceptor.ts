import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import type { Observable } from 'rxjs';

import type { Pipeline } from '../engine/pipeline.js';
import type { Binding } from './binding.js';
import { type HandlerMark, handlerMarks, markRequest } from './handler-mark.js';
import { type MethodPolicy, methodPolicyOf } from './method-policy.js';
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
  constructor(@Optional() @Inject(RESILIENCE_RUNTIME) private readonly runtime?: HandlerBindings) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const policy = methodPolicyOf(context.getHandler());
    if (policy === undefined || this.runtime === undefined) return next.handle() as Observable<unknown>;
    policy.intercepted = true;
    const pipeline = this.runtime.bindingFor(context.getClass()).pipeline(policy);
    const execution = pipeline.execution(undefined, []);
    const request = this.requestOf(context, policy, pipeline);
    const answer = pipeline.around(execution, (attempt) => {
      const mark: HandlerMark = { policy, attempt };
      // handle() binds the async context it is called in, so it must be called inside the mark.
      if (request === undefined) return handlerMarks.run(mark, () => next.handle() as Observable<unknown>);
      markRequest(request, mark);
      return next.handle() as Observable<unknown>;
    });
    if (knowClient(context, execution)) return answer;
    return endWithClient(context, execution)?.(answer) ?? answer;
  }

  /** What marks the attempt: the request where the handler is given it, and no other attempt runs beside. */
  private requestOf(context: ExecutionContext, policy: MethodPolicy, { parts }: Pipeline): object | undefined {
    if (policy.requestIndex < 0 || parts.hedge !== undefined || context.getType() !== 'http') return undefined;
    const request = context.getArgByIndex<unknown>(0);
    return typeof request === 'object' && request !== null ? request : undefined;
  }
}

import type { ServerResponse } from 'node:http';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';

type Response = Partial<Pick<ServerResponse, 'setHeader'>> & { readonly raw?: ServerResponse };

/** Lets everybody through, and no cache keep what they got: arguments, inputs and outputs. {@link AdminGuard} does so by itself. */
@Injectable()
export class NeverStored implements CanActivate {
  canActivate(context: ExecutionContext): true {
    keepFromCaches(context);
    return true;
  }
}

export function keepFromCaches(context: ExecutionContext): void {
  if (context.getType() !== 'http') return;
  const response = context.switchToHttp().getResponse<Response | undefined>();
  // Fastify's reply has it on its raw response, where headers of the route still win.
  (response?.raw ?? response)?.setHeader?.('Cache-Control', 'no-store');
}

import { createHash, timingSafeEqual } from 'node:crypto';

import { type AdminAccess, ProblemException, RefusedCredentials, RESILIENCE_ADMIN } from '@nest-resilience/core/admin';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';

/** Messages start work and show inputs: each has to carry the token that the routes want, and without one nobody gets in. */
@Injectable()
export class MessageGuard implements CanActivate {
  constructor(
    @Inject(RESILIENCE_ADMIN) private readonly access: AdminAccess,
    @Inject(RefusedCredentials) private readonly refused: Pick<RefusedCredentials, 'note'>,
  ) {}

  /** @throws ProblemException */
  canActivate(context: ExecutionContext): boolean {
    if (this.access.by !== 'token')
      throw new ProblemException(403, 'RESILIENCE_ADMIN_CLOSED', 'Messages are refused until ADMIN_TOKEN is set.');
    const { token } = (context.switchToRpc().getData<unknown>() ?? {}) as { token?: unknown };
    if (typeof token === 'string' && timingSafeEqual(digest(token), digest(this.access.token))) return true;
    this.refused.note('a sender of messages', typeof token === 'string' ? token : '');
    throw new ProblemException(
      401,
      'RESILIENCE_ADMIN_UNAUTHORIZED',
      'The message needs the token of ADMIN_TOKEN as its field `token`.',
    );
  }
}

/** Digests have one length, so the comparison takes as long for a wrong length as for a wrong letter. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

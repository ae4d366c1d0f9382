import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable, Optional } from '@nestjs/common';
import { type Observable, lastValueFrom } from 'rxjs';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { ProblemException } from './problem.js';

/**
 * Lets through whom the application named in `AdminModule.forRoot({ token } | { guard })`, and nobody until it did.
 * Put on every route that changes something or shows arguments, by `@AdminRoute()`.
 */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(@Optional() @Inject(RESILIENCE_ADMIN) private readonly access: AdminAccess = { by: 'nobody' }) {}

  /** @throws ProblemException 403 while closed, 401 without the right token */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    switch (this.access.by) {
      case 'nobody':
        throw new ProblemException(
          403,
          'RESILIENCE_ADMIN_CLOSED',
          'This route is closed. Open it with AdminModule.forRoot({ token }) and send "Authorization: Bearer <token>", ' +
            'or with AdminModule.forRoot({ guard }) and a guard of your own.',
        );
      case 'token':
        if (sameSecret(bearerOf(context), this.access.token)) return true;
        throw new ProblemException(
          401,
          'RESILIENCE_ADMIN_UNAUTHORIZED',
          'This route needs the token of AdminModule.forRoot({ token }) as "Authorization: Bearer <token>".',
          { 'WWW-Authenticate': 'Bearer realm="resilience"' },
        );
      case 'guard':
        return resolved(await this.access.guard.canActivate(context));
    }
  }
}

function bearerOf(context: ExecutionContext): string {
  if (context.getType() !== 'http') return '';
  const request = context.switchToHttp().getRequest<{ headers?: { authorization?: unknown } }>();
  const header = request.headers?.authorization;
  return typeof header === 'string' ? (/^Bearer +(\S+) *$/i.exec(header)?.[1] ?? '') : '';
}

/** Digests have one length, so the comparison takes as long for a wrong length as for a wrong letter. */
function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function resolved(answer: boolean | Observable<boolean>): Promise<boolean> | boolean {
  return typeof answer === 'boolean' ? answer : lastValueFrom(answer);
}

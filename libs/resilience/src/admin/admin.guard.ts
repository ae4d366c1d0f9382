import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable, Optional } from '@nestjs/common';
import { type Observable, lastValueFrom } from 'rxjs';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { noteAct, peerOf } from './operator-acts.js';
import { ProblemException } from './problem.js';
import { RefusedCredentials } from './refused-credentials.js';

/**
 * Lets through whom the application named in `AdminModule.forRoot({ token } | { guard })`, and nobody until it did.
 * Put on every route that changes something or shows arguments, by `@AdminRoute()`.
 */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(
    @Optional() @Inject(RESILIENCE_ADMIN) private readonly access: AdminAccess = { by: 'nobody' },
    @Optional() private readonly refused?: RefusedCredentials,
  ) {}

  /** @throws ProblemException 403 while closed, 401 without the right token, 429 after many wrong ones */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const admitted = await this.admits(context);
    if (admitted) noteAct(context);
    return admitted;
  }

  private async admits(context: ExecutionContext): Promise<boolean> {
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
        this.slowDown(context);
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

  private slowDown(context: ExecutionContext): void {
    if (context.getType() !== 'http') return;
    const waitMs = this.refused?.note(peerOf(context.switchToHttp().getRequest()), bearerOf(context));
    if (waitMs !== undefined) throw tooMany(waitMs);
  }
}

/** What a client that sends one wrong token after the other gets from then on. */
function tooMany(waitMs: number): ProblemException {
  const seconds = Math.ceil(waitMs / 1000);
  return new ProblemException(
    429,
    'RESILIENCE_ADMIN_TOO_MANY_REFUSED',
    `Too many wrong tokens came from this address; the next one is looked at in ${seconds} s. The right one always is.`,
    { 'Retry-After': String(seconds) },
  );
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

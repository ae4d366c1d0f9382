import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable, Optional } from '@nestjs/common';
import { type Observable, lastValueFrom } from 'rxjs';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { keepFromCaches } from './never-stored.js';
import { noteAct, peerOf, type Request } from './operator-acts.js';
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
    keepFromCaches(context);
    const admitted = await this.admits(context);
    if (admitted) noteAct(context);
    return admitted;
  }

  /**
   * Why a request will be refused, as far as its headers tell.
   * @returns undefined for one with the right token, and for all where a guard of the application decides
   */
  refusalOf(request: CarriesHeaders): ProblemException | undefined {
    switch (this.access.by) {
      case 'nobody':
        return new ProblemException(
          403,
          'RESILIENCE_ADMIN_CLOSED',
          'This route is closed. Open it with AdminModule.forRoot({ token }) and send "Authorization: Bearer <token>", ' +
            'or with AdminModule.forRoot({ guard }) and a guard of your own.',
        );
      case 'token':
        if (sameSecret(bearerOf(request), this.access.token)) return undefined;
        return new ProblemException(
          401,
          'RESILIENCE_ADMIN_UNAUTHORIZED',
          'This route needs the token of AdminModule.forRoot({ token }) as "Authorization: Bearer <token>".',
          { 'WWW-Authenticate': 'Bearer realm="resilience"' },
        );
      case 'guard':
        return undefined;
    }
  }

  private async admits(context: ExecutionContext): Promise<boolean> {
    if (this.access.by === 'guard') return resolved(await this.access.guard.canActivate(context));
    const isHttp = context.getType() === 'http';
    const request = isHttp ? context.switchToHttp().getRequest<Request & CarriesHeaders>() : {};
    const refusal = this.refusalOf(request);
    if (refusal === undefined) return true;
    const waitMs =
      isHttp && this.access.by === 'token' ? this.refused?.note(peerOf(request), bearerOf(request)) : undefined;
    throw waitMs === undefined ? refusal : tooMany(waitMs);
  }
}

/** As much of a request as the token needs. */
interface CarriesHeaders {
  readonly headers?: { readonly authorization?: unknown };
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

function bearerOf({ headers }: CarriesHeaders): string {
  const header = headers?.authorization;
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

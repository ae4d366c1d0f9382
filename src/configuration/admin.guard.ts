import { createHash, timingSafeEqual } from 'node:crypto';

import { type CanActivate, type ExecutionContext, ForbiddenException, UnauthorizedException } from '@nestjs/common';

/** Lets in who shows the service's token as `Authorization: Bearer ...`. Without a token nobody is let in. */
export class AdminGuard implements CanActivate {
  constructor(private readonly token: string | undefined) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.token === undefined) {
      throw new ForbiddenException('this route is closed: set ADMIN_TOKEN and restart the service to open it');
    }
    const { authorization } = context.switchToHttp().getRequest<{ headers: { authorization?: string } }>().headers;
    const given = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
    // Hashes are of one length, so the comparison tells nothing about the token's.
    if (timingSafeEqual(digest(given), digest(this.token))) return true;
    throw new UnauthorizedException('this route needs the header "Authorization: Bearer <ADMIN_TOKEN>"');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

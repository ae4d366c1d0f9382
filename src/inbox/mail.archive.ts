import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  Attempt,
  type AttemptContext,
  DeadLetter,
  PRIVATE_DIRECTORY,
  PRIVATE_FILE,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import type { StepContext } from '@nest-resilience/workflow';
import { Inject, Injectable } from '@nestjs/common';

import { deliver } from './delivery.js';
import { INBOX_OPTIONS, type InboxOptions } from './inbox.options.js';

export interface ArchivedMail {
  readonly messageId: string;
  /** As it came in. */
  readonly raw: string;
}

type Step = Pick<StepContext, 'idempotencyKey'> & Partial<Pick<StepContext, 'signal'>>;

/** Keeps every mail as it came in. What cannot be archived now waits as a dead letter, so that no outage loses a mail. */
@Injectable()
export class MailArchive {
  constructor(@Inject(INBOX_OPTIONS) private readonly options: InboxOptions) {}

  @Retry({ maxRetries: 2, baseDelay: '100ms' })
  @Timeout('5s')
  @DeadLetter({
    queue: 'mail-archive',
    maxArgsBytes: 512 * 1024,
    idempotencyKey: (_mail: ArchivedMail, { idempotencyKey }: Step) => idempotencyKey,
    // A step also carries its run's signal and results; to archive the mail again only its key is needed.
    serializeArgs: ([mail, step]) => ({ mail, idempotencyKey: (step as Step).idempotencyKey }),
    reviveArgs: (stored) => {
      const { mail, idempotencyKey } = stored as { mail: ArchivedMail; idempotencyKey: string };
      return [mail, { idempotencyKey }];
    },
  })
  async store(
    { messageId, raw }: ArchivedMail,
    { idempotencyKey }: Step,
    @Attempt() attempt?: AttemptContext,
  ): Promise<{ readonly archived: string }> {
    const { archiveUrl, archiveDirectory } = this.options;
    if (archiveUrl !== undefined) {
      await deliver(archiveUrl, { messageId, raw }, { idempotencyKey, signal: attempt?.signal });
      return { archived: archiveUrl };
    }
    // Whole mails: for the service's own user alone.
    await mkdir(archiveDirectory, { recursive: true, mode: PRIVATE_DIRECTORY });
    // The id comes from the mail: as a file name only its hash is safe.
    const file = join(archiveDirectory, `${createHash('sha256').update(messageId).digest('hex').slice(0, 32)}.eml`);
    await writeFile(file, raw, { mode: PRIVATE_FILE });
    return { archived: file };
  }
}

import { type DynamicModule, Module } from '@nestjs/common';

import { INBOX_OPTIONS, type InboxOptions } from './inbox.options.js';
import { MailArchive } from './mail.archive.js';
import { MailParser } from './mail.parser.js';
import { TriageDesk } from './triage.desk.js';

/** The steps of `workflows/inbox-triage.yaml` that are code. */
@Module({})
export class InboxModule {
  static forRoot(options: InboxOptions): DynamicModule {
    return {
      module: InboxModule,
      providers: [{ provide: INBOX_OPTIONS, useValue: options }, MailParser, MailArchive, TriageDesk],
    };
  }
}

/** Injection token of the {@link InboxOptions}. */
export const INBOX_OPTIONS = Symbol.for('nest-resilience:inbox-options');

export interface InboxOptions {
  /** Where mails are archived; files under `archiveDirectory` without it. */
  readonly archiveUrl: string | undefined;
  readonly archiveDirectory: string;
  /** Where triages are filed; nowhere without it. */
  readonly deskUrl: string | undefined;
}

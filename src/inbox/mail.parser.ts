import { createHash } from 'node:crypto';

import { Injectable } from '@nestjs/common';
import PostalMime, { type Address } from 'postal-mime';

import { htmlToText } from './html-text.js';

/** What a triage needs of a mail. */
export interface ParsedMail {
  /** The mail's own id, or one made of its content. */
  readonly messageId: string;
  readonly from: string;
  readonly subject: string;
  /** ISO 8601 as far as the mail's date can be read. */
  readonly date: string | undefined;
  /** Plain text, of HTML mails too; at most {@link MAX_TEXT_LENGTH} characters. */
  readonly text: string;
  readonly attachments: number;
}

/** What a model gets to read: enough to judge a mail, and no mail can fill a context window. */
export const MAX_TEXT_LENGTH = 6_000;

@Injectable()
export class MailParser {
  /** Reads raw RFC 822 text, also with the `From ` line that mailboxes put before it. */
  async parse({ raw }: { readonly raw: string }): Promise<ParsedMail> {
    const mail = await PostalMime.parse(raw.replace(/^From .*\r?\n/, ''), {
      maxNestingDepth: 32,
      attachmentEncoding: 'utf8',
    });
    const plain = mail.text?.trim() ?? '';
    // Some mails call their HTML plain text.
    const text = plain === '' || /^<(!doctype|html|body)\b/i.test(plain) ? htmlToText(mail.html ?? plain) : plain;
    return {
      messageId: mail.messageId ?? `<${createHash('sha256').update(raw).digest('hex').slice(0, 32)}@no-message-id>`,
      from: nameOf(mail.from),
      subject: mail.subject ?? '',
      date: mail.date,
      text: text.slice(0, MAX_TEXT_LENGTH),
      attachments: mail.attachments.length,
    };
  }
}

function nameOf(address: Address | undefined): string {
  if (address?.address === undefined) return address?.name ?? '';
  return address.name === '' ? address.address : `${address.name} <${address.address}>`;
}

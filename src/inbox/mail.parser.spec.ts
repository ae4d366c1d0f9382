import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { MAX_TEXT_LENGTH, MailParser } from './mail.parser.js';

const inbox = join(import.meta.dirname, '../../examples/inbox');
const read = (file: string) => readFileSync(join(inbox, file), 'utf8');
const files = readdirSync(inbox).filter((file) => file.endsWith('.eml'));

describe('MailParser', () => {
  const parser = new MailParser();

  it('finds sender, id and readable text in every one of 120 real mails', async () => {
    const mails = await Promise.all(
      files.map(async (file) => ({ file, ...(await parser.parse({ raw: read(file) })) })),
    );

    expect(mails).toHaveLength(120);
    expect(mails.filter(({ from }) => !from.includes('@'))).toEqual([]);
    expect(mails.filter(({ text }) => text.length < 20 || /<\/?(td|font|br|html)\b/i.test(text))).toEqual([]);
    expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(120);
  });

  it('reads past the line that a mailbox puts before a mail', async () => {
    const mail = await parser.parse({ raw: read('easy-ham-1-00055.eml') });

    expect(mail).toMatchObject({ attachments: 0, date: expect.stringMatching(/^2002-/) });
    expect(mail.subject).not.toBe('');
  });

  it('makes an id of its own for a mail without one, the same every time', async () => {
    const raw = 'From: a@example.com\nSubject: no id\n\nHello.';

    const [first, second] = [await parser.parse({ raw }), await parser.parse({ raw })];

    expect(first.messageId).toMatch(/^<[0-9a-f]{32}@no-message-id>$/);
    expect(second.messageId).toBe(first.messageId);
  });

  it('hands on no more text than a model should read', async () => {
    const mail = await parser.parse({ raw: `From: a@example.com\n\n${'word '.repeat(10_000)}` });

    expect(mail.text).toHaveLength(MAX_TEXT_LENGTH);
  });

  it('answers for what is no mail at all', async () => {
    expect(await parser.parse({ raw: '\u0000\u0001 not a mail' })).toMatchObject({
      from: '',
      subject: '',
      attachments: 0,
    });
  });
});

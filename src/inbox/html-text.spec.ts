import { describe, expect, it } from '@jest/globals';

import { htmlToText } from './html-text.js';

describe('the text of an HTML mail', () => {
  it.each([
    ['<p>Hello <b>Ann</b>,</p><p>see you.</p>', 'Hello Ann , see you.'],
    ['<style>p { color: red }</style><script>alert("<b>")</script>Read me', 'Read me'],
    ['AT&amp;T &lt;3 &#65;&#x42; &nosuch; &#0;', 'AT&T <3 AB &nosuch; &#0;'],
    ['1 < 2 and no tag', '1'],
    ['cut off in a <a href="http://x', 'cut off in a'],
    ['', ''],
  ])('of %j is %j', (html, text) => {
    expect(htmlToText(html)).toBe(text);
  });

  it('takes one pass over markup that never ends', () => {
    expect(htmlToText('<script>'.repeat(100_000))).toBe('');
  });
});

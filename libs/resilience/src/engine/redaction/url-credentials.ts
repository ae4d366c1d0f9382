import type { Cut } from './named-values.js';

const END = /[\s"'<>]/g;
const USER = /[^\s:/@]{0,256}/y;
/** What follows a colon is as often a port. */
const PORT = /^\d{1,5}(?:[/?#\s]|$)/;
/** A lone user name of this length is a token. */
const SHORTEST_TOKEN = 16;

/** Go's data source names, which are no URLs: `user:password@tcp(host)/db`. */
const DATA_SOURCE = /(\b[\w.-]{1,64}:)[^\s@/]{3,128}(?=@(?:tcp|unix)\()/g;

/** Hands the password, or the token, of every address to `cut`. */
export function cleanUrls(text: string, cut: Cut): string {
  if (!text.includes('@')) return text;
  const clean = cleanSchemed(text, cut);
  return clean.includes('@tcp(') || clean.includes('@unix(') ? clean.replace(DATA_SOURCE, cut) : clean;
}

/** A password may hold an unescaped @, so it ends with the last one. */
function cleanSchemed(text: string, cut: Cut): string {
  const parts: string[] = [];
  let done = 0;
  let end = 0;
  let lastAt = -1;
  for (let mark = text.indexOf('://'); mark !== -1; mark = text.indexOf('://', Math.max(mark + 3, done))) {
    const start = mark + 3;
    if (start >= end) {
      // Found once for all that stands in one piece: a caller may have written a megabyte of addresses without a blank.
      END.lastIndex = start;
      end = END.exec(text)?.index ?? text.length;
      lastAt = start + text.slice(start, end).lastIndexOf('@');
    }
    if (lastAt <= start) continue;
    USER.lastIndex = start;
    USER.exec(text);
    const user = USER.lastIndex;
    const token = text[user] === '@' && user - start >= SHORTEST_TOKEN && !/[?#]/.test(text.slice(start, user));
    const password = text[user] === ':' && user < lastAt && !PORT.test(text.slice(user + 1, user + 8));
    if (!token && !password) continue;
    const [from, to] = token ? [start, user] : [user + 1, lastAt];
    parts.push(text.slice(done, from), cut(text.slice(from, to), ''));
    done = to;
  }
  return parts.join('') + text.slice(done);
}

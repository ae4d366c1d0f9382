const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = MONTHS.join('|');
const TIME = '(?<h>\\d\\d):(?<m>\\d\\d):(?<s>\\d\\d)';

/** The three forms that a recipient must read: IMF-fixdate, RFC 850, asctime. https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 */
const FORMS = [
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) (?<month>${MONTH}) (?<year>\\d{4}) ${TIME} GMT`,
  `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-(?<month>${MONTH})-(?<year>\\d\\d) ${TIME} GMT`,
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>${MONTH}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/** Epoch milliseconds of an HTTP date; undefined for anything else: `Date.parse` takes "7, 7" for a day in July. */
export function parseHttpDate(text: string, nowEpochMs: number): number | undefined {
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts === undefined) continue;
    const [day, hour, minute, second] = [parts.day, parts.h, parts.m, parts.s].map(Number) as [
      number,
      number,
      number,
      number,
    ];
    const year = fullYear(parts.year ?? '', nowEpochMs);
    const month = MONTHS.indexOf(parts.month ?? '');
    if (hour > 23 || minute > 59 || second > 60) return undefined;
    return new Date(Date.UTC(year, month, day)).getUTCDate() === day
      ? Date.UTC(year, month, day, hour, minute, second)
      : undefined;
  }
  return undefined;
}

/** Two digits that seem to lie more than 50 years ahead mean the past. */
function fullYear(digits: string, nowEpochMs: number): number {
  if (digits.length === 4) return Number(digits);
  const now = new Date(nowEpochMs).getUTCFullYear();
  const year = now - (now % 100) + Number(digits);
  return year > now + 50 ? year - 100 : year;
}

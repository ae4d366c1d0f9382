import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE =
  process.platform === 'win32'
    ? join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'drivers', 'etc', 'hosts')
    : '/etc/hosts';

/** Whether this machine knows a name by itself, so that looking it up asks nobody. Read each time: it may be edited. */
export async function isKnownHere(host: string, file = FILE): Promise<boolean> {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').some((line) => {
    const [, ...names] = (line.split('#')[0] ?? '').trim().toLowerCase().split(/\s+/);
    return names.includes(name);
  });
}

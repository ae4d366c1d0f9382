import type { PlainValue } from './plain-options.js';
import { type PolicyLayer, type PolicyReport, SHOWN } from './policy-report.js';

/** One line per method with what a person looks for first, outermost policy first, durations in ms. */
export function policyTable(reports: readonly PolicyReport[]): string {
  const names = reports.map(({ name, declaredIn }) =>
    declaredIn === null || name.startsWith(`${declaredIn}.`) ? name : `${name} (of ${declaredIn})`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const rows = reports.map(({ layers }, index) => `  ${names[index]?.padEnd(width)}  ${layers.map(cell).join(' > ')}`);
  return [`Protected (${reports.length}), outermost policy first, durations in ms:`, ...rows].join('\n');
}

function cell({ policy, source, options }: PolicyLayer): string {
  const values = (SHOWN.get(policy) ?? [])
    .filter((name) => name in options)
    .map((name) => `${name} ${text(options[name] ?? null)}`);
  const from = source === 'method' ? '' : ` by ${source}`;
  return `${policy}(${values.join(', ')})${from}`;
}

function text(value: PlainValue): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (isList(value)) return value.map(text).join('|');
  return 'use' in value ? text(value['use'] ?? null) : Object.values(value).map(text).join(' ');
}

function isList(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}

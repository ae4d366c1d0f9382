/**
 * The declared name of a circuit: that of a keyed breaker is `name[key]`, and keys come from arguments (tenants, users), so they
 * must not show where anybody may look, nor multiply the labels of a metric.
 */
export function circuitFamily(name: string): string {
  const bracket = name.indexOf('[');
  return bracket > 0 && name.endsWith(']') ? name.slice(0, bracket) : name;
}

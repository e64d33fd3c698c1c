/**
 * Untrusted values in error messages: short, on one line, and never deeper than one level, so that a hostile file can
 * neither flood a message nor exhaust the stack while it is refused.
 */

const longestText = 120;
const mostElements = 8;

/** A name or text from outside, quoted and cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > longestText ? `${text.slice(0, longestText)}…` : text);
}

/** Any value from outside, as a reader would write it; what is nested in it only as `[…]` or `{…}`. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) {
    const shown = value.slice(0, mostElements).map(describeFlat);
    return `[${shown.join(', ')}${value.length > mostElements ? `, … ${value.length} in all` : ''}]`;
  }
  return describeFlat(value);
}

function describeFlat(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[…]' : '{…}';
  return Object.is(value, -0) ? '-0' : String(value);
}

/** True for what JSON calls an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

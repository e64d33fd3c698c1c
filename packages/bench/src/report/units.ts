/** Numbers as people read them: three significant digits, without exponents. */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal units: 999 B, 12.8 MB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= limit && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : digits(value)} ${units[unit]}`;
}

/** 0.42 ms, 13.0 ms, 2.50 s. */
export function formatMilliseconds(milliseconds: number): string {
  return milliseconds < limit ? `${digits(milliseconds)} ms` : `${digits(milliseconds / 1000)} s`;
}

/** 1,024 as 1 Ki when it is a multiple, with separators otherwise. */
export function formatTokens(tokens: number): string {
  return tokens >= 1024 && tokens % 1024 === 0 ? `${tokens / 1024} Ki` : tokens.toLocaleString('en-US');
}

/** 2.31×, 480×. */
export function formatRatio(ratio: number): string {
  return `${digits(ratio)}×`;
}

/** What rounds to 1000 belongs to the next unit. */
const limit = 999.5;

/** Three digits from 1 up (all of a whole number's), two decimals below, two digits of what is smaller than 0.1. */
function digits(value: number): string {
  if (value >= 99.95) return Math.round(value).toLocaleString('en-US');
  if (value >= 9.995) return value.toFixed(1);
  if (value >= 0.0995 || value === 0) return value.toFixed(2);
  return value.toFixed(Math.min(20, 1 - Math.floor(Math.log10(value))));
}

/** Numbers as people read them. */

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Decimal units, three digits: 12.8 MB. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${digits(bytes / 1000 ** power)} ${units[power]}`;
}

/** 0.42 ms, 13 ms, 2.5 s. */
export function formatMilliseconds(milliseconds: number): string {
  return milliseconds < 1000 ? `${digits(milliseconds)} ms` : `${digits(milliseconds / 1000)} s`;
}

/** 1,024 as 1 Ki when it is a multiple, with separators otherwise. */
export function formatTokens(tokens: number): string {
  return tokens >= 1024 && tokens % 1024 === 0 ? `${tokens / 1024} Ki` : tokens.toLocaleString('en-US');
}

/** 2.31×, 480×. */
export function formatRatio(ratio: number): string {
  return `${digits(ratio)}×`;
}

/** Three significant digits without exponents. */
function digits(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

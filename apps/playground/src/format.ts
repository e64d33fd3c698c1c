/** Numbers for people. */

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export const formatCount = (count: number): string => whole.format(count);

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${short.format(value)} ${units[unit]}`;
}

export function formatFlops(flops: number): string {
  if (flops < 1e9) return `${short.format(flops / 1e6)} MFLOP`;
  return flops < 1e12 ? `${short.format(flops / 1e9)} GFLOP` : `${short.format(flops / 1e12)} TFLOP`;
}

export function formatTime(milliseconds: number): string {
  if (milliseconds < 1000) return `${short.format(milliseconds)} ms`;
  return milliseconds < 120_000
    ? `${short.format(milliseconds / 1000)} s`
    : `${short.format(milliseconds / 60_000)} min`;
}

export const formatShare = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 2 : 1)} %`;

/** A token's text with its spaces and line ends visible. */
export const showToken = (text: string): string =>
  text === '' ? '∅' : text.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥');

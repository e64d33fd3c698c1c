import fc from 'fast-check';
import { expect, test } from 'vitest';
import { median } from '../statistics.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './units.ts';

test('numbers are short and right', () => {
  expect([0, 12, 999, 1000, 12_800_000, 999_600, 4_294_967_296].map(formatBytes)).toEqual([
    '0 B',
    '12 B',
    '999 B',
    '1.00 kB',
    '12.8 MB',
    '1.00 MB',
    '4.29 GB',
  ]);
  expect([0.0123, 0.42, 13, 999.7, 2500, 1.5e7].map(formatMilliseconds)).toEqual([
    '0.012 ms',
    '0.42 ms',
    '13.0 ms',
    '1.00 s',
    '2.50 s',
    '15,000 s',
  ]);
  expect([1000, 1024, 65_536].map(formatTokens)).toEqual(['1,000', '1 Ki', '64 Ki']);
  expect([0.042, 2.314, 99.97, 480].map(formatRatio)).toEqual(['0.042×', '2.31×', '100×', '480×']);
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});

const scales: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  PB: 1e15,
  ms: 1,
  s: 1e3,
  '×': 1,
};

/** The number a text stands for. */
function read(text: string): number {
  const [, mantissa = '', unit = ''] = /^([\d.,]+) ?(\D+)$/.exec(text) ?? [];
  return Number(mantissa.replaceAll(',', '')) * (scales[unit] ?? Number.NaN);
}

test('what is printed is the number, to half a digit in three (or two where it is small)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
      expect(Math.abs(read(formatBytes(bytes)) - bytes)).toBeLessThanOrEqual(0.0051 * bytes);
      expect(formatBytes(bytes).split(' ')[0]?.length).toBeLessThanOrEqual(5);
    }),
  );
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (value) => {
      for (const format of [formatMilliseconds, formatRatio]) {
        expect(Math.abs(read(format(value)) - value)).toBeLessThanOrEqual(0.051 * value);
        expect(format(value)).not.toContain('e');
      }
    }),
  );
});

test('longer takes no fewer units', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)];
      expect(read(formatBytes(less))).toBeLessThanOrEqual(read(formatBytes(more)));
    }),
  );
});

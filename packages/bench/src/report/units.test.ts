import { expect, test } from 'vitest';
import { median } from '../statistics.ts';
import { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './units.ts';

test('numbers are short and right', () => {
  expect([0, 999, 1000, 12_800_000, 4_294_967_296].map(formatBytes)).toEqual([
    '0.00 B',
    '999 B',
    '1.00 kB',
    '12.8 MB',
    '4.29 GB',
  ]);
  expect([0.42, 13, 2500].map(formatMilliseconds)).toEqual(['0.42 ms', '13.0 ms', '2.50 s']);
  expect([1000, 1024, 65_536].map(formatTokens)).toEqual(['1,000', '1 Ki', '64 Ki']);
  expect([2.314, 480].map(formatRatio)).toEqual(['2.31×', '480×']);
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
});

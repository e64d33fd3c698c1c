/** Slopes as the paper and its released code give them. */

import { it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { alibiSlopes } from './alibi.ts';

const powers = (exponents: readonly number[]) => exponents.map((exponent) => 2 ** -exponent);

it.each([
  [1, [8]],
  [4, [2, 4, 6, 8]],
  [6, [2, 4, 6, 8, 1, 3]],
  [8, [1, 2, 3, 4, 5, 6, 7, 8]],
  [12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]],
])('of %i heads', (heads, exponents) => {
  expectClose(alibiSlopes(heads), powers(exponents), { relative: 1e-15, absolute: 0 });
});

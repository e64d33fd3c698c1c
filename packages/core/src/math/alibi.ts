/**
 * ALiBi slopes (Press, Smith & Lewis, arXiv 2108.12409, §3 and its released code): a geometric series per head, with
 * the rule for head counts that are no power of two: the series of the next lower power, then every other term of
 * the doubled series.
 */

function powerOfTwoSlopes(heads: number): number[] {
  return Array.from({ length: heads }, (_, head) => 2 ** ((-8 * (head + 1)) / heads));
}

/** Slopes of `heads` query heads, [H]. */
export function alibiSlopes(heads: number): number[] {
  const lower = 2 ** Math.floor(Math.log2(heads));
  if (lower === heads) return powerOfTwoSlopes(heads);
  const between = powerOfTwoSlopes(2 * lower).filter((_, index) => index % 2 === 0);
  return [...powerOfTwoSlopes(lower), ...between.slice(0, heads - lower)];
}

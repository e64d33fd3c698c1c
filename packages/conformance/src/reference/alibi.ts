/**
 * ALiBi slopes (Press, Smith & Lewis, arXiv 2108.12409, §3). For n heads, n a power of two, the series starts at
 * 2^(−8/n) and multiplies by the same number: 2^(−8·1/n), 2^(−8·2/n), …, 2^(−8). For other counts the authors' code
 * takes the series of the next lower power m, then every other term (first, third, …) of the series of 2m.
 */

/** One slope per query head, [H]. */
export function alibiSlopes(heads: number): number[] {
  let lower = 1; // m: the largest power of two that is not above `heads`
  while (2 * lower <= heads) lower *= 2;
  const slopes: number[] = [];
  for (let i = 1; i <= lower; i += 1) slopes.push(2 ** ((-8 * i) / lower));
  for (let i = 1; slopes.length < heads; i += 2) slopes.push(2 ** ((-8 * i) / (2 * lower)));
  return slopes;
}

/** Lengths at which kernels go wrong: one, and the neighbours of powers of two, of tiles and of pages. */

/** 1, and 2^k − 1, 2^k, 2^k + 1 up to 4,097: vector widths, workgroups, tiles of 4, 8, 64 and 256, pages of 256. */
export const sweptLengths: readonly number[] = lengthsUpTo(4096);

/** The same up to `largest` + 1. */
export function lengthsUpTo(largest: number): number[] {
  const lengths = new Set([1]);
  for (let power = 2; power <= largest; power *= 2) for (const step of [-1, 0, 1]) lengths.add(power + step);
  return [...lengths].sort((a, b) => a - b);
}

/** Edges of tiles, for one dimension of a matrix at a time: 1, 3, 4, 5, 7, 8, 9, 63 … 65, 255 … 257. */
export const tileEdges: readonly number[] = [1, 3, 4, 5, 7, 8, 9, 63, 64, 65, 255, 256, 257];

/** Products of matrices: a square one, bound by arithmetic, and one row times a matrix, bound by reading it. */

import type { Backend } from '@inattention/core';
import type { Contestant, KernelBench } from './contestant.ts';
import { ceilingContestant, sumContestant } from './limits.ts';
import { ownProduct } from './own-kernels.ts';
import type { Peer } from './peer.ts';
import { peerContestant } from './peer-contestant.ts';
import type { Probe } from './probe.ts';
import { referenceProduct, sampleNumbers } from './reference.ts';

export interface BenchParts {
  readonly backend: Backend;
  /** With memory for sums over what the benches read; null where its limits, a processor's, say nothing. */
  readonly probe: Probe | null;
  readonly peers: readonly Peer[];
}

/** size × size × size, both matrices inputs for everybody. Peers copy the result out; ours is measured with and without. */
export async function gemmBench({ backend, probe, peers }: BenchParts, size: number): Promise<KernelBench> {
  const sizes = { rows: size, inner: size, columns: size };
  const a = sampleNumbers(size * size, 1);
  const b = sampleNumbers(size * size, 2);
  const work = { work: 2 * size ** 3, unit: 'flop/s' } as const;
  const left = ownProduct(backend, { ...sizes, a, b, transposeB: false });
  const contestants = [
    ...(probe === null ? [] : [ceilingContestant(probe)]),
    { ...left, compared: false, note: 'the result stays in the backend, as its callers leave it' } as const,
    resultRead(ownProduct(backend, { ...sizes, a, b, transposeB: false })),
  ];
  for (const peer of peers) {
    const kernel = await peer.matmul(sizes, a, b, false);
    contestants.push(peerContestant(peer, kernel, { ...work, name: peer.name, note: peer.notes.input }));
  }
  return benchOf(`GEMM ${size}³`, contestants, () => referenceProduct(a, b, sizes));
}

/** [1, size] times a constant [size, size] matrix, stored [out, in] for ours. */
export async function gemvBench({ backend, probe, peers }: BenchParts, size: number): Promise<KernelBench> {
  const sizes = { rows: 1, inner: size, columns: size };
  const a = sampleNumbers(size, 3);
  const b = sampleNumbers(size * size, 4);
  const work = { work: 4 * size * size, unit: 'B/s' } as const;
  const own = ownProduct(backend, { ...sizes, a, b: transposed(b, size, size), transposeB: true });
  const contestants = [
    ...(probe === null ? [] : [sumContestant(probe, work.work)]),
    resultRead({ ...own, ...work, note: 'W stored [out, in]' }),
  ];
  for (const peer of peers) {
    const kernel = await peer.matmul(sizes, a, b, true);
    contestants.push(peerContestant(peer, kernel, { ...work, name: peer.name, note: peer.notes.constant }));
  }
  return benchOf(`GEMV ${size}²`, contestants, () => referenceProduct(a, b, sizes));
}

/** A contestant of ours that also copies its result into a JavaScript array in every call, as peers do. */
export function resultRead(own: Contestant): Contestant {
  let result: Float32Array | null = null;
  return {
    ...own,
    name: `${own.name}, result read`,
    async run() {
      await own.run();
      result = await own.result();
    },
    result: async () => result,
  };
}

/** A bench whose contestants all compute the same numbers. */
export function benchOf(name: string, contestants: readonly Contestant[], compute: () => Float64Array): KernelBench {
  let expected: Float64Array | null = null;
  return {
    name,
    contestants,
    expected() {
      expected ??= compute();
      return expected;
    },
    dispose() {},
  };
}

/** [rows, columns] as [columns, rows]. */
function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      out[column * rows + row] = matrix[row * columns + column] as number;
    }
  }
  return out;
}

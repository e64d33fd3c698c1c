/** Running operations of core on a backend and reading back what they return, with nothing left behind. */

import { type Backend, EagerOperations, IndexTensor, type Tensor } from '@inattention/core';
import type { NdArray } from '../reference/nd-array.ts';

export interface Bench {
  readonly operations: EagerOperations;
  /** Uploads numbers that are exactly f32. */
  floats(array: NdArray): Tensor;
  /** Uploads integers. */
  index(values: ArrayLike<number>): IndexTensor;
}

/** Computes the tensors that `body` returns and reads them; frees them and everything else that was made. */
export async function evaluate<K extends string>(
  backend: Backend,
  fused: boolean,
  body: (bench: Bench) => Record<K, Tensor>,
): Promise<Record<K, Float32Array>> {
  const operations = new EagerOperations(backend, { fused });
  const indices: IndexTensor[] = [];
  const bench: Bench = {
    operations,
    floats: ({ shape, data }) => operations.upload(Float32Array.from(data), shape),
    index(values) {
      const index = new IndexTensor(backend, Int32Array.from(values));
      indices.push(index);
      return index;
    },
  };
  try {
    const results: Record<K, Tensor> = operations.scope(() => body(bench));
    try {
      const names = Object.keys(results) as K[];
      const read = await Promise.all(names.map(async (name) => [name, await results[name].readFloat32()] as const));
      return Object.fromEntries(read) as Record<K, Float32Array>;
    } finally {
      for (const tensor of new Set<Tensor>(Object.values(results))) tensor.dispose();
    }
  } finally {
    for (const index of indices) index.dispose();
  }
}

/** How an operation is run: by the backend's own kernel where it has one, and composed from primitives. */
export function variantsOf(isFused: boolean): readonly { readonly name: string; readonly fused: boolean }[] {
  const composed = { name: 'composed', fused: false };
  return isFused ? [{ name: 'fused', fused: true }, composed] : [composed];
}

/** For `using`: what has `dispose` alone. */
export function disposable<T extends { dispose(): void }>(value: T): Disposable & { readonly value: T } {
  return { value, [Symbol.dispose]: () => value.dispose() };
}

/** A host backend with operations on it, for one test: checks at its end that nothing is left. */

import { expect } from 'vitest';
import type { Backend } from '../src/backend/backend.ts';
import { EagerOperations } from '../src/operations/eager-operations.ts';
import type { IndexTensor } from '../src/operations/index-tensor.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import { createHostBackend } from '../src/testing/host-backend.ts';

export interface Device {
  readonly backend: Backend;
  readonly operations: EagerOperations;
  /** f32 tensors in the test's scope. */
  tensor(data: ArrayLike<number>, shape: readonly number[]): Tensor;
  /** f16 tensors in the test's scope. */
  half(data: ArrayLike<number>, shape: readonly number[]): Tensor;
  /** Integers, disposed of at the end of the test. */
  index(values: readonly number[] | Int32Array): IndexTensor;
}

/** Runs `body`, which returns what is to be read; everything it made is freed before this returns it. */
export async function onDevice(
  body: (device: Device) => Tensor | readonly Tensor[],
  { backend = createHostBackend(), fused = true }: { readonly backend?: Backend; readonly fused?: boolean } = {},
): Promise<Float32Array[]> {
  const before = backend.ledger.snapshot().liveTotal;
  const operations = new EagerOperations(backend, { fused });
  const indexes: IndexTensor[] = [];
  const device: Device = {
    backend,
    operations,
    tensor: (data, shape) => operations.upload(Float32Array.from(data), shape),
    half: (data, shape) => operations.cast(operations.upload(Float32Array.from(data), shape), 'f16'),
    index(values) {
      const index = operations.index(values);
      indexes.push(index);
      return index;
    },
  };
  const results = operations.scope(() => {
    const result = body(device);
    return 'length' in result ? [...result] : [result];
  });
  const numbers = await Promise.all(results.map((tensor) => tensor.readFloat32()));
  for (const owned of [...results, ...indexes]) owned.dispose();
  expect(backend.ledger.snapshot().liveTotal).toBe(before);
  return numbers;
}

import { expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { IndexTensor } from './index-tensor.ts';

it('holds the same integers on host and device, and frees the device ones', async () => {
  const backend = createHostBackend();
  const index = new IndexTensor(backend, [3, -1, 2 ** 31 - 1], 'scratch');
  expect([index.length, index.values]).toEqual([3, Int32Array.of(3, -1, 2 ** 31 - 1)]);
  expect([index.tensor.dtype, index.tensor.shape]).toEqual(['i32', [3]]);
  expect(await index.tensor.read()).toEqual(index.values);
  expect(backend.ledger.live('scratch')).toBe(12);
  index.dispose();
  expect(backend.ledger.snapshot().liveTotal).toBe(0);
});

it('takes over integers that are on the device already', () => {
  const backend = createHostBackend();
  const values = Int32Array.of(5, 6);
  const tensor = Tensor.from(backend, values, [2], 'context');
  const index = IndexTensor.over(values, tensor);
  expect(index.tensor).toBe(tensor);
  index.dispose();
  expect(tensor.disposed).toBe(true);
});

it.each([[[0.5]], [[2 ** 31]], [[Number.NaN]], [[1, -(2 ** 31) - 1]]])('refuses %j', (values) => {
  const backend = createHostBackend();
  expect(() => new IndexTensor(backend, values)).toThrow(InvalidArgumentError);
  expect(backend.ledger.snapshot().peakLive).toBe(0);
});

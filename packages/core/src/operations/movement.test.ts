import { expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { seededRandom } from '../../test/random.ts';
import { DTypeError, InvalidArgumentError } from '../errors/errors.ts';
import { decodeFloat16, encodeFloat16 } from '../tensor/half.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

it.each([[[1, 0, 2]], [[2, 1, 0]], [[0, 2, 1]], [[1, 2, 0]], [[0, 1, 2]]])(
  'permutes [2, 3, 4] to %j, in f32 and f16',
  async (axes) => {
    const shape = [2, 3, 4];
    const strides = [12, 4, 1];
    const x = Float32Array.from({ length: 24 }, (_, i) => i);
    const lengths = axes.map((axis) => shape[axis] as number);
    const [first, second, third] = axes.map((axis) => strides[axis] as number) as [number, number, number];
    const expected: number[] = [];
    for (let i = 0; i < (lengths[0] as number); i += 1) {
      for (let j = 0; j < (lengths[1] as number); j += 1) {
        for (let k = 0; k < (lengths[2] as number); k += 1) expected.push(i * first + j * second + k * third);
      }
    }
    const results = await onDevice(({ operations, tensor, half }) => {
      const permuted = operations.permute(tensor(x, shape), axes);
      expect(permuted.shape).toEqual(lengths);
      return [permuted, operations.permute(half(x, shape), axes)];
    });
    expect(results).toEqual([Float32Array.from(expected), Float32Array.from(expected)]);
  },
);

it('permutes matrices and four axes', async () => {
  const [matrix, four] = await onDevice(({ operations, tensor }) => [
    operations.permute(tensor([1, 2, 3, 4, 5, 6], [2, 3]), [1, 0]),
    operations.permute(tensor([1, 2, 3, 4], [1, 2, 1, 2]), [3, 2, 1, 0]),
  ]);
  expect(matrix).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
  expect(four).toEqual(Float32Array.of(1, 3, 2, 4));
});

it.each([[[0]], [[0, 0]], [[1, 2]], [[0, 1, 2]]])('refuses axes %j of a matrix', (axes) => {
  const operations = new EagerOperations(createHostBackend());
  expect(() => operations.permute(operations.zeros([2, 3]), axes)).toThrow(InvalidArgumentError);
});

it('casts f32 to f16 and back, integers to f32, and copies', async () => {
  const x = seededRandom(4).normals(7, 100);
  const [rounded, numbers, copy] = await onDevice(({ operations, tensor, index }) => {
    const source = tensor(x, [7]);
    const copied = operations.copy(source);
    operations.addInto(source, source); // leaves the copy as it was
    return [
      operations.cast(operations.cast(copied, 'f16'), 'f32'),
      operations.cast(index([-1, 70000]).tensor, 'f32'),
      copied,
    ];
  });
  expect(rounded).toEqual(decodeFloat16(encodeFloat16(x)));
  expect(numbers).toEqual(Float32Array.of(-1, 70000));
  expect(copy).toEqual(x);
});

it('refuses conversions to integers', () => {
  const operations = new EagerOperations(createHostBackend());
  expect(() => operations.cast(operations.zeros([2]), 'i32')).toThrow(DTypeError);
  expect(() => operations.cast(operations.zeros([2]), 'i32')).toThrow(/Got: f32 to i32/);
});

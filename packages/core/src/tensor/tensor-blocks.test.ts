/** Tensors kept in blocks: memory, views, and what refuses them. */

import { describe, expect, it } from 'vitest';
import { DisposedError, DTypeError, InvalidArgumentError, ShapeError, UnsupportedError } from '../errors/errors.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { dequantizeBlocks } from './block-scaled.ts';
import { quantizeBlocks } from './quantize-blocks.ts';
import { Tensor } from './tensor.ts';

const ramp = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i) * (1 + (i % 7)));
const make = (shape: readonly number[], backend = createHostBackend()) => {
  const size = shape.reduce((product, axis) => product * axis, 1);
  const array = quantizeBlocks(ramp(size), shape);
  return { backend, array, numbers: dequantizeBlocks(array), tensor: Tensor.fromBlocks(backend, array, 'weights') };
};

describe('memory', () => {
  it('is elements and scales, in one buffer, given back at once', async () => {
    const { backend, tensor, array, numbers } = make([3, 40]);
    expect(backend.ledger.live('weights')).toBe(3 * 40 + 4 * 6);
    expect(tensor).toMatchObject({ dtype: 'i8', shape: [3, 40], size: 120, byteOffset: 0 });
    expect(tensor.blocks).toMatchObject({ blockLength: 32, minimums: null, scales: { dtype: 'f32', shape: [3, 2] } });
    expect(await tensor.read()).toEqual(array.values);
    expect(await tensor.readFloat32()).toEqual(numbers);
    tensor.dispose();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    await expect(tensor.readFloat32()).rejects.toThrow(DisposedError);
  });

  it('is not taken when the blocks do not fill the shape, nor without scales', () => {
    const { backend, array, tensor } = make([3, 40]);
    const held = backend.ledger.snapshot().liveTotal;
    const wrong = { ...array, scales: array.scales.subarray(1) };
    expect(() => Tensor.fromBlocks(backend, wrong, 'weights')).toThrow(ShapeError);
    expect(() => Tensor.fromBlocks(backend, { ...array, blockLength: 8 }, 'weights')).toThrow(InvalidArgumentError);
    expect(() => Tensor.allocate(backend, [3, 40], 'i8', 'weights')).toThrow(DTypeError);
    expect(() => Tensor.from(backend, new Int8Array(4), [4], 'weights')).toThrow(DTypeError);
    expect(() => tensor.write(new Int8Array(120))).toThrow(DTypeError);
    expect(backend.ledger.snapshot().liveTotal).toBe(held);
  });
});

it('slices and reshapes carry their scales', async () => {
  const { tensor, numbers } = make([3, 2, 40]);
  using part = tensor.slice(1, 2); // [2, 2, 40]
  using flat = part.reshape([4, 40]);
  using last = flat.slice(3, 1);
  expect(await part.readFloat32()).toEqual(numbers.slice(80));
  expect(await flat.readFloat32()).toEqual(numbers.slice(80));
  expect(await last.readFloat32()).toEqual(numbers.slice(200));
  expect(() => tensor.reshape([240])).toThrow(ShapeError);
  expect(() => tensor.reshape([3, 80])).toThrow(ShapeError);
});

describe('operations', () => {
  const { backend, tensor, numbers } = make([5, 40]);
  const operations = new EagerOperations(backend);
  const dense = operations.upload(numbers, [5, 40]);
  const input = operations.upload(ramp(80), [2, 40]);

  it('multiply by what the blocks stand for', async () => {
    const [got, expected] = [operations.linear(input, tensor), operations.linear(input, dense)];
    expect(await got.readFloat32()).toEqual(await expected.readFloat32());
    const twice = operations.matmul(input, tensor, { transposeB: true, scale: 2 });
    expect(await twice.readFloat32()).toEqual((await expected.readFloat32()).map((x) => 2 * x));
  });

  it('gather rows', async () => {
    using ids = operations.index([4, -1, 0]);
    const rows = await operations.embed(tensor, ids).readFloat32();
    expect(rows).toEqual(Float32Array.of(...numbers.slice(160), ...new Float32Array(40), ...numbers.slice(0, 40)));
  });

  it('refuse blocks across the inner axis', () => {
    using square = Tensor.fromBlocks(backend, quantizeBlocks(ramp(1600), [40, 40]), 'weights');
    expect(() => operations.matmul(input, square)).toThrow(UnsupportedError);
    expect(() => operations.matmul(input, square)).toThrow(/transposed only/);
  });

  it('refuse other places', () => {
    expect(() => operations.linear(tensor, dense)).toThrow(DTypeError);
    expect(() => operations.add(tensor, tensor)).toThrow(DTypeError);
    expect(() => operations.cast(tensor, 'f32')).toThrow(DTypeError);
    expect(() => operations.copy(tensor)).toThrow(DTypeError);
    expect(() => operations.permute(tensor, [1, 0])).toThrow(DTypeError);
    expect(() => operations.full([4, 4], 1, 'i8')).toThrow(DTypeError);
    using long = Tensor.fromBlocks(backend, quantizeBlocks(ramp(200), [5, 40], { blockLength: 16 }), 'weights');
    using ids = operations.index([0]);
    expect(() => operations.gatherRows([tensor, long], 5, ids.tensor)).toThrow(InvalidArgumentError);
  });

  it('are refused by a backend that does not take i8', () => {
    const plain = { ...backend, capabilities: { ...backend.capabilities, weightDTypes: ['f32' as const] } };
    const foreign = Tensor.fromBlocks(plain, quantizeBlocks(ramp(200), [5, 40]), 'weights');
    const own = new EagerOperations(plain);
    const here = own.upload(ramp(80), [2, 40]);
    expect(() => own.linear(here, foreign)).toThrow(/Got: i8/);
  });
});

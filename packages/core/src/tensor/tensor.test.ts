import { describe, expect, it } from 'vitest';
import { DisposedError, DTypeError, InvalidArgumentError, OutOfMemoryError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { encodeFloat16 } from './half.ts';
import { Tensor } from './tensor.ts';

describe('Tensor', () => {
  it.each([
    ['f32', Float32Array.of(1.5, -2, 3)],
    ['f16', encodeFloat16(Float32Array.of(1.5, -2, 3))],
    ['i32', Int32Array.of(-1, 0, 7)],
    ['u32', Uint32Array.of(0, 1, 2 ** 32 - 1)],
  ])('holds %s data and gives it back', async (dtype, data) => {
    const backend = createHostBackend();
    const tensor = Tensor.from(backend, data, [3, 1], 'weights');
    expect([tensor.dtype, tensor.shape, tensor.size]).toEqual([dtype, [3, 1], 3]);
    expect(await tensor.read()).toEqual(data);
    expect(backend.ledger.live('weights')).toBe(dtype === 'f16' ? 8 : 12);
    tensor.write(data.map((_, i) => i));
    expect(await tensor.read()).toEqual(data.map((_, i) => i));
  });

  it('reads floats of both float dtypes, and no others', async () => {
    const backend = createHostBackend();
    const numbers = Float32Array.of(0.25, -8);
    const half = Tensor.from(backend, encodeFloat16(numbers), [2], 'weights');
    expect(await half.readFloat32()).toEqual(numbers);
    expect(await Tensor.from(backend, numbers, [2], 'weights').readFloat32()).toEqual(numbers);
    await expect(Tensor.from(backend, Int32Array.of(1), [1], 'weights').readFloat32()).rejects.toThrow(DTypeError);
  });

  it('shares bytes with its reshapes and slices until the last of them is disposed of', async () => {
    const backend = createHostBackend();
    const whole = Tensor.from(backend, Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2], 'context');
    const flat = whole.reshape([6]);
    const last = flat.slice(4, 2);
    const row = whole.slice(1, 2).slice(1, 1);
    expect([last.byteOffset, row.byteOffset, row.shape]).toEqual([16, 16, [1, 2]]);
    row.write(Float32Array.of(50, 60));
    expect(await last.read()).toEqual(Float32Array.of(50, 60));
    for (const tensor of [whole, whole, flat]) tensor.dispose(); // twice is harmless
    expect(backend.ledger.live('context')).toBe(24);
    expect(await last.read()).toEqual(Float32Array.of(50, 60));
    last.dispose();
    row.dispose();
    expect(backend.ledger.live('context')).toBe(24); // the intermediate slice of `row` still holds them
  });

  it('has no elements where an axis is 0, and one where there is none', async () => {
    const backend = createHostBackend();
    expect(await Tensor.from(backend, new Float32Array(0), [2, 0], 'scratch').read()).toEqual(new Float32Array(0));
    expect(Tensor.allocate(backend, [], 'f32', 'scratch').size).toBe(1);
  });

  it('refuses data, shapes and ranges that do not fit, taking no memory', () => {
    const backend = createHostBackend();
    const { from } = Tensor;
    expect(() => from(backend, Float32Array.of(1, 2), [3], 'weights')).toThrow(ShapeError);
    expect(() => from(backend, Float32Array.of(1, 2), [-1, -2], 'weights')).toThrow(InvalidArgumentError);
    expect(() => Tensor.allocate(backend, [1.5], 'f32', 'weights')).toThrow(/impossible shape.*\[1.5\]/);
    expect(backend.ledger.snapshot().peakLive).toBe(0);
    const tensor = from(backend, Float32Array.of(1, 2, 3, 4), [2, 2], 'weights');
    expect(() => tensor.reshape([3])).toThrow(/must keep the number of elements.*\[2, 2\] to \[3\]/);
    expect(() => tensor.slice(1, 2)).toThrow(/start 1, count 2.*0 … 2/);
    expect(() => tensor.slice(-1, 1)).toThrow(InvalidArgumentError);
    expect(() => tensor.slice(0.5, 1)).toThrow(InvalidArgumentError);
    expect(() => tensor.reshape([]).slice(0, 1)).toThrow(ShapeError);
    expect(() => tensor.write(Float32Array.of(1))).toThrow(ShapeError);
    expect(() => tensor.write(Int32Array.of(1, 2, 3, 4))).toThrow(DTypeError);
  });

  it('cuts f16 at even elements only', () => {
    const tensor = Tensor.from(createHostBackend(), new Uint16Array(6), [6], 'weights');
    expect(tensor.slice(2, 3).byteOffset).toBe(4);
    expect(() => tensor.slice(1, 2)).toThrow(/multiple of 4 bytes.*even element offsets/);
  });

  it('cannot be used once disposed of', async () => {
    const tensor = Tensor.from(createHostBackend(), Float32Array.of(1), [1], 'weights');
    tensor.dispose();
    expect(tensor.disposed).toBe(true);
    expect(() => tensor.buffer).toThrow(DisposedError);
    expect(() => tensor.backend).toThrow(/shape \[1\] was used after it was disposed of/);
    expect(() => tensor.reshape([1])).toThrow(DisposedError);
    expect(() => tensor.slice(0, 1)).toThrow(DisposedError);
    expect(() => tensor.write(Float32Array.of(1))).toThrow(DisposedError);
    await expect(tensor.read()).rejects.toThrow(DisposedError);
  });

  it('says how much memory was asked for and left', () => {
    const backend = createHostBackend({ maxBytes: 100 });
    const kept = Tensor.allocate(backend, [10], 'f32', 'weights');
    const failure = () => Tensor.allocate(backend, [16], 'f32', 'weights');
    expect(failure).toThrow(OutOfMemoryError);
    expect(failure).toThrow(expect.objectContaining({ requestedBytes: 64, availableBytes: 60 }));
    expect(kept.disposed).toBe(false);
    expect(backend.ledger.snapshot().liveTotal).toBe(40);
  });
});

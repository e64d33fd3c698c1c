import {
  type Backend,
  BackendUnavailableError,
  EagerOperations,
  InvalidArgumentError,
  OutOfMemoryError,
  Tensor,
} from '@inattention/core';
import { describe, expect, test } from 'vitest';
import { createCudaBackend } from './cuda-backend.ts';
import { createCudaBackend as inBrowsers } from './in-browsers.ts';
import { hasNvidiaDevice } from './setup/nvidia.ts';

const held = ({ ledger }: Backend) => ledger.snapshot().liveTotal + ledger.snapshot().reserved;

describe('making a backend', () => {
  test('says which device it is', async () => {
    using backend = await createCudaBackend();
    const { gpu, tensorflow, library, tf32 } = backend.info.details;
    expect([gpu, tf32]).toEqual([hasNvidiaDevice() && !String(library).includes('tensorflow-cpu'), false]);
    expect(tensorflow).toMatch(/^2\./);
    expect(String(library)).not.toBe('');
    expect(backend.info.device).toContain(gpu ? 'CUDA' : 'on the CPU');
  });

  test('requireGpu refuses what is no GPU', async () => {
    using any = await createCudaBackend();
    if (any.info.details.gpu === true) {
      using backend = await createCudaBackend({ requireGpu: true });
      expect(backend.info.details.gpu).toBe(true);
    } else await expect(createCudaBackend({ requireGpu: true })).rejects.toThrow(BackendUnavailableError);
  });

  test.each([
    [{ maxBytes: 0 }, /maxBytes is not a number of bytes/],
    [{ maxBytes: Number.NaN }, /maxBytes/],
    [{ tf: { backend: () => ({}) } }, /does not run on the native binding/],
    [{ tf: { backend: () => null } }, /does not run on the native binding/],
    [{ tf32: true }, /tf32 cannot be changed once TensorFlow runs/],
  ])('refuses %o', async (options, message) => {
    (await createCudaBackend()).dispose();
    const making = createCudaBackend(options);
    await expect(making).rejects.toThrow(InvalidArgumentError);
    await expect(making).rejects.toThrow(message);
  });

  test('there is none in a browser, which says so', async () => {
    await expect(inBrowsers()).rejects.toThrow(/no CUDA in a browser.*webgpu/);
  });
});

describe('memory', () => {
  test('ends at maxBytes, with nothing changed', async () => {
    using backend = await createCudaBackend({ maxBytes: 1024 });
    const buffer = backend.allocate(1000, 'weights');
    expect(() => backend.allocate(100, 'weights')).toThrow(OutOfMemoryError);
    await expect(backend.reserve(100)).rejects.toThrow(OutOfMemoryError);
    await backend.reserve(24);
    backend.free(buffer);
    expect(held(backend)).toBe(0);
  });

  test('a failure of TensorFlow leaves no tensor behind, and the backend goes on', async () => {
    using backend = await createCudaBackend();
    const operations = new EagerOperations(backend);
    using a = operations.upload(new Float32Array(6), [2, 3]);
    const before = [backend.statistics().tensors, held(backend)];
    const wrong = { batch: 1, rows: 2, columns: 2, inner: 2, transposeA: false, transposeB: false };
    const product = { ...wrong, strideA: 0, strideB: 0, scale: 1, accumulate: false };
    expect(() => backend.primitives.matmul({ a, b: a, out: a, ...product })).toThrow(/TensorFlow refused/);
    expect(backend.ledger.live('scratch')).toBe(0);
    backend.trim();
    expect([backend.statistics().tensors, held(backend)]).toEqual(before);
    expect(await operations.exp(a).readFloat32()).toEqual(new Float32Array(6).fill(1));
  });

  test('a part that is written is written in place, a tensor that somebody needs as it was stays', async () => {
    using backend = await createCudaBackend();
    const operations = new EagerOperations(backend);
    using original = operations.upload(Float32Array.of(1, 2, 3, 4), [4]);
    using copy = operations.copy(original);
    backend.write(original.buffer, 8, Float32Array.of(30));
    expect([...(await original.readFloat32())]).toEqual([1, 2, 30, 4]);
    expect([...(await copy.readFloat32())]).toEqual([1, 2, 3, 4]);
  });

  test('integers and numbers in one buffer keep each other', async () => {
    using backend = await createCudaBackend();
    const buffer = backend.allocate(16, 'scratch');
    backend.write(buffer, 0, Int32Array.of(7, -1));
    backend.write(buffer, 8, Float32Array.of(0.5, 2));
    const bytes = await backend.read(buffer, 0, 16);
    expect([...new Int32Array(bytes, 0, 2)]).toEqual([7, -1]);
    expect([...new Float32Array(bytes, 8, 2)]).toEqual([0.5, 2]);
    const numbers = { buffer, byteOffset: 8, dtype: 'f32', shape: [2] } as const;
    backend.primitives.affine({ input: numbers, scale: 2, offset: 0, out: numbers });
    const after = await backend.read(buffer, 0, 16);
    expect([...new Int32Array(after, 0, 2)]).toEqual([7, -1]);
    expect([...new Float32Array(after, 8, 2)]).toEqual([1, 4]);
  });

  test('a rotated row is what it was when its input changes before it is read', async () => {
    using backend = await createCudaBackend();
    const operations = new EagerOperations(backend);
    const angles = {
      fineLength: 2,
      fine: operations.upload(Float32Array.of(1, 0, 0, 1), [2, 1, 2]),
      coarse: operations.upload(Float32Array.of(1, 0), [1, 1, 2]),
    };
    using input = operations.upload(Float32Array.of(1, 2, 3, 4), [1, 2, 2]);
    const positions = operations.index([1]);
    using rotated = operations.rope(input, positions, angles);
    backend.write(input.buffer, 4, Float32Array.of(9));
    expect([...(await rotated.readFloat32())]).toEqual([-2, 1, -4, 3]);
    expect([...(await input.readFloat32())]).toEqual([1, 9, 3, 4]);
  });

  test('everything goes with the backend', async () => {
    const backend = await createCudaBackend();
    const tensor = Tensor.from(backend, new Float32Array(100), [100], 'weights');
    new EagerOperations(backend).exp(tensor);
    backend.dispose();
    expect([backend.statistics().tensors, held(backend)]).toEqual([0, 0]);
    tensor.dispose();
  });
});

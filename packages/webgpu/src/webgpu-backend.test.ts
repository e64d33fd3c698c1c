import { type Backend, Ledger, type TensorView } from '@inattention/core';
import { afterEach, describe, expect, it } from 'vitest';
import { dispatchBounds } from './device/dispatch-bounds.ts';
import { CommandQueue } from './execution/command-queue.ts';
import { defineKernel } from './execution/kernel.ts';
import { KernelRunner } from './execution/kernel-runner.ts';
import { Pipelines } from './execution/pipelines.ts';
import { createWebGpuBackend, openDevice } from './index.ts';
import { DeviceMemory } from './memory/device-memory.ts';
import { watchDevice } from './testing/watched-device.ts';

const used: (() => void)[] = [];
afterEach(() => {
  for (const end of used.splice(0)) end();
});

/** A backend on a device whose buffers and submissions are counted. */
async function watched(options: { readonly maxBytes?: number } = {}) {
  const { device } = await openDevice();
  const watch = watchDevice(device);
  const backend = await createWebGpuBackend({ device, ...options });
  used.push(() => {
    backend.dispose();
    device.destroy();
  });
  return { device, watch, backend };
}

function floats(backend: Backend, length: number): TensorView {
  return { buffer: backend.allocate(length * 4, 'scratch'), byteOffset: 0, dtype: 'f32', shape: [length] };
}

async function numbers(backend: Backend, view: TensorView): Promise<number[]> {
  return [...new Float32Array(await backend.read(view.buffer, 0, view.buffer.byteLength))];
}

const total = ({ ledger }: Backend): number => ledger.snapshot().liveTotal + ledger.snapshot().reserved;

describe('memory', () => {
  it('counts every byte of every GPUBuffer, before, during and after work', async () => {
    const { backend, watch } = await watched();
    const expectExact = () => expect(total(backend)).toBe(watch.liveBytes);
    expectExact();
    const views = [1, 63, 64, 65, 1000, 100_000].map((length) => floats(backend, length));
    const pages = [300, 5000, 300_000].map((bytes) => backend.allocate(bytes, 'context'));
    const weights = backend.allocate(1_000_001, 'weights');
    expectExact();
    expect(backend.ledger.live('context')).toBe(305_300);
    for (const out of views) backend.primitives.fill({ out, value: 1 });
    await numbers(backend, views[4] as TensorView);
    expectExact();
    for (const { buffer } of views) backend.free(buffer);
    for (const page of pages) backend.free(page);
    backend.free(weights);
    expectExact();
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    backend.trim();
    expect([watch.liveBytes, total(backend)]).toEqual([0, 0]);
  });

  it('uses what was given back, pages in parts of one buffer', async () => {
    const { backend, watch } = await watched();
    const pages = Array.from({ length: 100 }, () => backend.allocate(1024, 'table'));
    expect(watch.created).toBe(1);
    for (const page of pages) backend.free(page);
    for (let round = 0; round < 50; round += 1) {
      const view = floats(backend, 5000);
      backend.primitives.fill({ out: view, value: round });
      backend.free(view.buffer);
    }
    expect(watch.created).toBe(2);
  });

  it('lets go of what has not been used for some time', async () => {
    const { backend, watch } = await watched();
    for (let length = 1000; length < 100_000; length += 1000) {
      const view = floats(backend, length);
      backend.primitives.fill({ out: view, value: 1 });
      await backend.sync();
      backend.free(view.buffer);
    }
    expect(watch.liveBytes).toBeLessThan(20 * 4 * 100_000);
    expect(total(backend)).toBe(watch.liveBytes);
  });

  it('keeps to the bytes it was given', async () => {
    const { backend } = await watched({ maxBytes: 1 << 20 });
    const first = backend.allocate(900_000, 'weights');
    expect(() => backend.allocate(300_000, 'weights')).toThrow(/request for 300032 bytes.*900000 bytes in use/);
    backend.free(first);
    backend.free(backend.allocate(1_000_000, 'weights')); // what is kept unused gives way
    await expect(backend.reserve(2 << 20)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });
});

describe('commands', () => {
  it('go to the device in one submission', async () => {
    const { backend, watch } = await watched();
    const view = floats(backend, 64);
    backend.primitives.fill({ out: view, value: 0 }); // compiles
    await backend.sync();
    const before = watch.submissions;
    for (let i = 0; i < 200; i += 1) backend.primitives.fill({ out: view, value: i });
    expect(watch.submissions).toBe(before);
    expect((await numbers(backend, view))[5]).toBe(199);
    expect(watch.submissions).toBe(before + 1);
  });

  it('happen in order with writes, reads and buffers used again', async () => {
    const { backend } = await watched();
    const view = floats(backend, 8);
    backend.write(view.buffer, 0, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    backend.primitives.fill({ out: { ...view, byteOffset: 8, shape: [2] }, value: 9 });
    backend.write(view.buffer, 12, Float32Array.of(10));
    backend.primitives.fill({ out: { ...view, byteOffset: 20, shape: [1] }, value: 11 });
    const read = numbers(backend, view);
    backend.write(view.buffer, 0, Float32Array.of(-1)); // after the read was asked for
    expect(await read).toEqual([1, 2, 9, 10, 5, 11, 7, 8]);
    expect((await numbers(backend, view))[0]).toBe(-1);
    const { buffer } = floats(backend, 8);
    backend.primitives.fill({ out: { ...view, buffer }, value: 3 });
    backend.free(buffer);
    const again = floats(backend, 8);
    backend.write(again.buffer, 0, new Float32Array(8).fill(4));
    expect(await numbers(backend, again)).toEqual(Array(8).fill(4));
  });

  it('reads any range of bytes', async () => {
    const { backend } = await watched();
    const buffer = backend.allocate(10, 'scratch');
    backend.write(buffer, 0, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    expect([...new Uint8Array(await backend.read(buffer, 3, 6))]).toEqual([3, 4, 5, 6, 7, 8]);
    expect((await backend.read(buffer, 4, 0)).byteLength).toBe(0);
    await expect(backend.read(buffer, 4, 7)).rejects.toThrow(/within 0 … 10/);
    expect(() => backend.write(buffer, 8, Float32Array.of(1))).toThrow(/within 0 … 10/);
  });
});

describe('a device that has no memory', () => {
  const tooMuch = 2 ** 30; // the software adapter admits it as a limit, and then has it not

  it('rejects the next border, names the bytes and holds nothing', async () => {
    const { backend, watch } = await watched();
    const view = floats(backend, 16);
    backend.primitives.fill({ out: view, value: 1 });
    await backend.sync();
    const before = backend.ledger.snapshot();
    watch.refuseFrom(tooMuch);
    const large = backend.allocate(tooMuch, 'activations');
    backend.primitives.fill({ out: { ...view, buffer: large }, value: 2 });
    backend.primitives.fill({ out: view, value: 3 });
    await expect(backend.sync()).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', requestedBytes: tooMuch });
    backend.free(large);
    expect(backend.ledger.snapshot().live).toEqual(before.live);
    expect(total(backend)).toBe(watch.liveBytes);
    expect(await numbers(backend, view)).toEqual(Array(16).fill(1)); // nothing of the failed submission ran
    backend.primitives.fill({ out: view, value: 4 });
    expect((await numbers(backend, view))[0]).toBe(4);
  });

  it('tells every border under way, and none that comes later', async () => {
    const { backend, watch } = await watched();
    const view = floats(backend, 16);
    watch.refuseFrom(tooMuch);
    const large = backend.allocate(tooMuch, 'activations');
    backend.primitives.fill({ out: { ...view, buffer: large }, value: 2 });
    const borders = await Promise.allSettled([backend.sync(), numbers(backend, view), backend.sync()]);
    expect(borders.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    backend.free(large);
    await backend.sync();
  });

  it('refuses a reservation, with nothing kept of it', async () => {
    const { backend, watch } = await watched();
    watch.refuseFrom(tooMuch);
    await expect(backend.reserve(tooMuch)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', requestedBytes: tooMuch });
    expect([watch.liveBytes, total(backend)]).toEqual([0, 0]);
    await backend.reserve(1 << 20);
  });
});

describe('work that has settled', () => {
  it('goes to the device with what comes after it, in one submission', async () => {
    const { backend, watch } = await watched();
    const view = floats(backend, 16);
    backend.primitives.fill({ out: view, value: 1 });
    await backend.sync();
    const before = watch.submissions;
    backend.primitives.fill({ out: { ...view, shape: [8] }, value: 2 });
    await backend.settle?.();
    backend.primitives.fill({ out: { ...view, shape: [4] }, value: 3 });
    await backend.settle?.();
    expect(watch.submissions).toBe(before);
    expect(await numbers(backend, view)).toEqual([3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(watch.submissions).toBe(before + 1);
  });

  it('leaves nothing behind when memory is given back', async () => {
    const { backend, watch } = await watched();
    const view = floats(backend, 16);
    backend.primitives.fill({ out: view, value: 2 });
    await backend.settle?.();
    backend.free(view.buffer);
    backend.trim();
    expect([watch.liveBytes, total(backend)]).toEqual([0, 0]);
  });

  it('does not hold memory that other work needs', async () => {
    const { backend } = await watched({ maxBytes: 1 << 20 });
    const view = floats(backend, 150_000);
    backend.primitives.fill({ out: view, value: 2 });
    await backend.settle?.();
    backend.free(view.buffer);
    const other = floats(backend, 200_000); // both together are too much
    backend.primitives.fill({ out: other, value: 3 });
    expect([...new Float32Array(await backend.read(other.buffer, 0, 8))]).toEqual([3, 3]);
  });

  it('is done though what comes after it has no memory', async () => {
    const { backend, watch } = await watched();
    const view = floats(backend, 16);
    backend.primitives.fill({ out: view, value: 1 });
    await backend.sync();
    backend.primitives.fill({ out: view, value: 2 });
    await backend.settle?.();
    watch.refuseFrom(1);
    const none = floats(backend, 5000);
    backend.primitives.fill({ out: none, value: 0 });
    backend.primitives.fill({ out: view, value: 3 });
    await expect(backend.sync()).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    watch.refuseFrom(Number.POSITIVE_INFINITY);
    backend.free(none.buffer);
    expect(await numbers(backend, view)).toEqual(Array(16).fill(2));
  });

  it('fails where it has no memory itself, and when the device is lost', async () => {
    const { backend, watch, device } = await watched();
    const view = floats(backend, 16);
    watch.refuseFrom(1);
    const none = floats(backend, 5000);
    backend.primitives.fill({ out: none, value: 0 });
    await expect(backend.settle?.()).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    watch.refuseFrom(Number.POSITIVE_INFINITY);
    backend.free(none.buffer);
    backend.primitives.fill({ out: view, value: 3 });
    await backend.settle?.();
    device.destroy();
    await device.lost;
    await expect(backend.settle?.()).rejects.toMatchObject({ code: 'BACKEND_LOST' });
  });
});

describe('a lost device', () => {
  it('rejects what waits for it and refuses what comes after', async () => {
    const { backend, device } = await watched();
    const view = floats(backend, 16);
    backend.primitives.fill({ out: view, value: 1 });
    const read = numbers(backend, view);
    device.destroy();
    await expect(read).rejects.toMatchObject({ code: 'BACKEND_LOST' });
    await device.lost;
    for (const work of [
      () => backend.allocate(4, 'scratch'),
      () => backend.primitives.fill({ out: view, value: 1 }),
      () => backend.write(view.buffer, 0, Float32Array.of(1)),
    ]) {
      expect(work).toThrow(expect.objectContaining({ code: 'BACKEND_LOST', fix: expect.stringMatching(/recover/) }));
    }
    await expect(backend.sync()).rejects.toMatchObject({ code: 'BACKEND_LOST' });
    backend.free(view.buffer); // owners may come later than their device
  });

  /** A device that tells of its loss when `lose` is called, and whose buffers are not mapped. */
  async function unmapped() {
    const { device } = await openDevice();
    used.push(() => device.destroy());
    let lose: (info: Pick<GPUDeviceLostInfo, 'reason' | 'message'>) => void = () => {};
    Object.defineProperty(device, 'lost', { value: new Promise((resolve) => (lose = resolve)) });
    const createBuffer = device.createBuffer.bind(device);
    let refused: () => void = () => {};
    const refusal = new Promise<void>((resolve) => (refused = resolve));
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      buffer.mapAsync = async () => {
        refused();
        throw new DOMException('not mapped', 'AbortError');
      };
      return buffer;
    };
    const backend = await createWebGpuBackend({ device });
    used.push(() => backend.dispose());
    return { backend, lose, refusal };
  }

  it('is told by its type when a transfer fails before the loss is known', async () => {
    const { backend, lose, refusal } = await unmapped();
    const read = numbers(backend, floats(backend, 16));
    const told = expect(read).rejects.toMatchObject({ code: 'BACKEND_LOST', got: 'unknown: gone' });
    await refusal;
    await new Promise((resolve) => setTimeout(resolve)); // a later task, as a browser's
    lose({ reason: 'unknown', message: 'gone' });
    await told;
  });

  it('is not what a transfer that fails alone is told as', async () => {
    const { backend } = await unmapped();
    await expect(numbers(backend, floats(backend, 16))).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      got: 'not mapped',
    });
    expect(() => floats(backend, 16)).not.toThrow();
  });
});

describe('the text of a kernel', () => {
  it('is loaded when the kernel is first run, and again after it could not be', async () => {
    const { device } = await openDevice();
    used.push(() => device.destroy());
    const memory = new DeviceMemory(device, new Ledger(), {
      maxBufferBytes: 1 << 20,
      maxBindingBytes: 1 << 20,
      maxTotalBytes: 1 << 20,
    });
    const dispatch = dispatchBounds(true);
    const queue = new CommandQueue(device, memory, dispatch);
    const traits = {
      dispatch,
      software: true,
      maxBindingBytes: 1 << 20,
      maxWorkgroupBytes: 16_384,
      maxInvocations: 256,
      largestSubgroup: 0,
    };
    const runner = new KernelRunner(memory, queue, new Pipelines(device), traits);
    let online = false;
    const kernel = defineKernel({
      name: 'seven',
      params: {},
      bindings: { out: { access: 'write', element: 'f32' } },
      workgroupSize: [1, 1, 1],
      shader: async () => {
        if (!online) throw new TypeError('Failed to fetch');
        return { main: ({ out }) => `${out}[params.out_at] = 7.0;` };
      },
    });
    const run = async () => {
      const out: TensorView = { buffer: memory.allocate(4, 'scratch'), byteOffset: 0, dtype: 'f32', shape: [1] };
      runner.run(kernel, { bindings: { out }, params: {}, workgroups: [1] });
      await queue.finish();
    };
    await expect(run()).rejects.toMatchObject({
      code: 'BACKEND_FAILED',
      what: expect.stringMatching(/seven.*could not be loaded/),
      got: 'Failed to fetch',
    });
    online = true;
    await run();
    expect(queue.submissions).toBe(1);
  });
});

describe('a device of the caller’s', () => {
  it('is shared with its kernels and outlives the backend', async () => {
    const { device } = await openDevice();
    const names: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      using backend = await createWebGpuBackend({
        device,
        onCompile: ({ name, done }) => names.push(`${name} ${done}`),
      });
      const view = floats(backend, 4);
      backend.primitives.fill({ out: view, value: round });
      expect(await numbers(backend, view)).toEqual(Array(4).fill(round));
    }
    expect(names).toEqual(['fill 0', 'fill 1']);
    device.pushErrorScope('validation');
    device.createBuffer({ size: 16, usage: 0x8 }).destroy();
    expect(await device.popErrorScope()).toBeNull();
    device.destroy();
  });

  it('is refused when it is no GPU and one is required', async () => {
    const { device, adapterInfo } = await openDevice();
    const made = createWebGpuBackend({ device, requireGpu: true });
    if (adapterInfo?.architecture === 'swiftshader') {
      await expect(made).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', expected: 'a graphics card' });
    } else {
      (await made).dispose();
    }
    device.destroy();
  });

  it('cannot be given limits', async () => {
    const { device } = await openDevice();
    await expect(createWebGpuBackend({ device, limits: 'default' })).rejects.toThrow(/cannot be given limits/);
    device.destroy();
  });
});

/** Buffers of integers, which live on the host: reading and writing parts of them. */

import type { TensorView } from '@inattention/core';
import type { DeviceBuffer } from '../memory/device-buffer.ts';
import { wordsOfView } from '../memory/device-memory.ts';
import type { KernelContext } from './kernel-context.ts';

export function integersOf(context: KernelContext, view: TensorView): Int32Array {
  return context.integers(view);
}

/** The integers of a view for writing: its buffer is one of integers from now on. */
export function writableIntegers(context: KernelContext, view: TensorView): Int32Array {
  const buffer = context.bufferOf(view);
  const [offset, count] = wordsOfView(view, 4);
  return hostIntegers(context, buffer).subarray(offset, offset + count);
}

/** The host's words of a buffer, brought here if they are on the device; a write to them is announced. */
function hostIntegers(context: KernelContext, buffer: DeviceBuffer): Int32Array {
  const { memory } = context;
  buffer.version += 1;
  if (buffer.integers !== null) return buffer.integers;
  const known = buffer.words !== null || buffer.place !== null || buffer.deferred !== null;
  const words = known ? context.runtime.binding.tensorDataSync(memory.contents(buffer).id) : null;
  const integers =
    words === null
      ? new Int32Array(buffer.wordCount)
      : new Int32Array(words.buffer, words.byteOffset, buffer.wordCount);
  memory.becomeIntegers(buffer, integers);
  return integers;
}

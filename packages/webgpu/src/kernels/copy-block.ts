/**
 * copyBlock: `outer` runs of `length` elements, each side with an offset and a stride; any dtype but i8.
 *
 * One run, or few long ones, between different GPUBuffers are the device's own copies; everything else is one dispatch
 * of strided-copy. Elements of 2 bytes are moved in pairs: the contract has their places even.
 */

import { bytesPerElement, type CopyBlockArguments } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { stridedCopy } from './strided-copy.ts';

/** As many copies at most, of at least so many bytes each, rather than one dispatch. */
const mostCopies = 4;
const leastCopyBytes = 16 * 1024;

export function copyBlock(runner: KernelRunner, args: CopyBlockArguments): void {
  const { input, out } = args;
  const perWord = 4 / bytesPerElement[input.dtype];
  const whole = args.outer > 1 && args.inputStride === args.length && args.outStride === args.length;
  const outer = whole ? 1 : args.outer;
  const length = (whole ? args.outer * args.length : args.length) / perWord;
  const [from, to] = [args.inputOffset / perWord, args.outOffset / perWord];
  const [fromStride, toStride] = [args.inputStride / perWord, args.outStride / perWord];
  if (outer * length === 0) return;
  const apart = runner.locate(input).allocation !== runner.locate(out).allocation;
  if (apart && (outer === 1 || (outer <= mostCopies && length * 4 >= leastCopyBytes))) {
    for (let o = 0; o < outer; o += 1) {
      runner.copy(input, 4 * (from + o * fromStride), out, 4 * (to + o * toStride), 4 * length);
    }
    return;
  }
  stridedCopy(runner, input, out, {
    from,
    to,
    axes: [
      { length: outer, from: fromStride, to: toStride },
      { length, from: 1, to: 1 },
    ],
  });
}

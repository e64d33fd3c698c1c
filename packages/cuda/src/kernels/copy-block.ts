/** copyBlock: runs of words from one tensor to another, by one or two operations where the runs are columns or one piece. */

import type { CopyBlockArguments, TensorView } from '@inattention/core';
import type { Handle } from '../execution/handle.ts';
import type { DeviceBuffer } from '../memory/device-buffer.ts';
import { integersOf, writableIntegers } from './integer-buffers.ts';
import type { KernelContext } from './kernel-context.ts';

export function copyBlock(context: KernelContext, args: CopyBlockArguments): void {
  const { input, out, outer, length } = args;
  if (input.dtype === 'i32' || input.dtype === 'u32') {
    copyIntegers(context, args);
    return;
  }
  const { operations, memory } = context;
  const unit = input.dtype === 'f16' ? 2 : 1;
  const [from, fromStride] = [args.inputOffset / unit, args.inputStride / unit];
  const [to, toStride, run] = [args.outOffset / unit, args.outStride / unit, length / unit];
  const target = context.bufferOf(out);
  const first = out.byteOffset / 4 + to;
  const joined = outer === 1 || toStride === run;
  const row = rowFor(context, input, target, outer * run);
  const block = row ?? readBlock(context, input, { offset: from, stride: fromStride, outer, length: run }); // words, in order
  if (joined) {
    memory.writeWords(target, first, block);
    return;
  }
  memory.detach(target);
  if (target.integers !== null) memory.rebind(target, memory.contents(target)); // integers and numbers in one buffer
  if (pasteColumns(context, target, { offset: first, stride: toStride, outer, length: run }, block)) return;
  const grain = [first, toStride, run].reduce(gcd, target.wordCount);
  const rows = rowsOf({ offset: first, stride: toStride, outer, length: run }, grain);
  memory.ownWords(target);
  const words = memory.shaped(target, [target.wordCount / grain, grain]);
  operations.inPlace('InplaceUpdate', words, context.index(rows), operations.reshape(block, [rows.length, grain]));
  target.version += 1;
}

/** One row for a page of several heads that lies in a run, in the shape in which it is put there. */
function rowFor(context: KernelContext, input: TensorView, { place }: DeviceBuffer, words: number): Handle | null {
  if (place === null || !context.isWhole(input)) return null;
  const { groups, width } = place.run.layout;
  const buffer = context.bufferOf(input);
  if (groups === 1 || words !== groups * width || buffer.wordCount !== words) return null;
  return context.memory.shaped(buffer, [groups, 1, width]);
}

/** Rows of which a column block may be put in place by joining them anew: at most so many times the block. */
const maxRejoined = 8;

/** Runs that are columns of all rows of a buffer: the rows are joined anew, which is faster than row by row. */
function pasteColumns(context: KernelContext, target: DeviceBuffer, runs: Runs, block: Handle): boolean {
  const { memory, operations } = context;
  const { offset, stride, outer, length } = runs;
  if (outer * stride !== target.wordCount || offset + length > stride || stride > maxRejoined * length) return false;
  const rows = memory.shaped(target, [outer, stride]);
  const behind = offset + length;
  const parts = [operations.reshape(block, [outer, length])];
  if (offset > 0) parts.unshift(operations.slice(rows, [0, 0], [outer, offset]));
  if (behind < stride) parts.push(operations.slice(rows, [0, behind], [outer, stride - behind]));
  memory.rebind(target, operations.concat(parts, 1));
  return true;
}

interface Runs {
  readonly offset: number;
  readonly stride: number;
  readonly outer: number;
  readonly length: number;
}

/** The words of runs of a view, one after the other. */
function readBlock(context: KernelContext, view: TensorView, runs: Runs): Handle {
  const { operations, memory } = context;
  const { offset, stride, outer, length } = runs;
  const buffer = context.bufferOf(view);
  const first = view.byteOffset / 4 + offset;
  if (outer === 1 || stride === length) {
    const count = outer * length;
    if (first === 0 && count === buffer.wordCount) return memory.contents(buffer);
    const { place } = buffer;
    if (place !== null) {
      const row = place.run.layout.groups * place.run.layout.width;
      if (first % row === 0 && count % row === 0) return ofRun(context, buffer, first / row, count / row);
    }
    return operations.slice(memory.shaped(buffer, [buffer.wordCount]), [first], [count]);
  }
  const column = first % stride;
  const row = (first - column) / stride;
  if (stride > length && buffer.wordCount % stride === 0 && column + length <= stride) {
    return operations.slice(memory.shaped(buffer, [buffer.wordCount / stride, stride]), [row, column], [outer, length]);
  }
  const grain = [first, stride, length].reduce(gcd, buffer.wordCount);
  const rows = rowsOf({ ...runs, offset: first }, grain);
  return operations.gather(memory.shaped(buffer, [buffer.wordCount / grain, grain]), context.index(rows));
}

/** Rows of a page that lies in a run, in the order of a buffer. */
function ofRun(
  context: KernelContext,
  { place }: ReturnType<KernelContext['bufferOf']>,
  row: number,
  count: number,
): Handle {
  const { run, slot } = place as NonNullable<typeof place>;
  const part = run.read(slot, row, count); // [G, count, C]
  return run.layout.groups === 1 ? part : context.operations.transpose(part, [1, 0, 2]);
}

/** Numbers of the rows of `grain` words that runs cover. */
function rowsOf({ offset, stride, outer, length }: Runs, grain: number): Int32Array {
  const each = length / grain;
  return Int32Array.from({ length: outer * each }, (_, i) => {
    return (offset + Math.floor(i / each) * stride) / grain + (i % each);
  });
}

function copyIntegers(context: KernelContext, args: CopyBlockArguments): void {
  const { input, inputOffset, inputStride, out, outOffset, outStride, outer, length } = args;
  const source = integersOf(context, input);
  const result = writableIntegers(context, out);
  for (let run = 0; run < outer; run += 1) {
    const from = inputOffset + run * inputStride;
    result.set(source.subarray(from, from + length), outOffset + run * outStride);
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

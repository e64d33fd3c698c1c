/** Rows and blocks moved: gatherRows, scatterAddRows, permute, copyBlock. What goes where is known to the host. */

import type {
  GatherRowsArguments,
  PermuteArguments,
  Primitives,
  ScatterAddRowsArguments,
  TensorView,
} from '@inattention/core';
import { elementsOf, type Handle } from '../execution/handle.ts';
import { copyBlock } from './copy-block.ts';
import { integersOf, writableIntegers } from './integer-buffers.ts';
import type { KernelContext } from './kernel-context.ts';

type Movement = Pick<Primitives, 'gatherRows' | 'scatterAddRows' | 'permute' | 'copyBlock'>;

export function movementKernels(context: KernelContext): Movement {
  return {
    gatherRows: (args) => gatherRows(context, args),
    scatterAddRows: (args) => scatterAddRows(context, args),
    permute: (args) => permute(context, args),
    copyBlock: (args) => copyBlock(context, args),
  };
}

function gatherRows(context: KernelContext, args: GatherRowsArguments): void {
  const { pages, rowsPerPage, ids, stride, offset, width, accumulate, out } = args;
  const { operations, runtime } = context;
  const wanted = Int32Array.from(integersOf(context, ids), (id) => (id < 0 ? -1 : id * stride + offset));
  const used = new Set(Array.from(wanted, (row) => (row < 0 ? -1 : Math.floor(row / rowsPerPage))));
  let rows: Handle;
  if (used.size === 1 && !used.has(-1)) {
    const [page = 0] = used;
    rows = pageRows(
      context,
      pages[page] as TensorView,
      wanted.map((row) => row - page * rowsPerPage),
      width,
    );
  } else {
    rows = operations.fill([wanted.length, width], 0);
    for (const page of used) {
      if (page < 0) continue;
      const places = [...wanted.keys()].filter((place) => Math.floor((wanted[place] as number) / rowsPerPage) === page);
      runtime.scope(() => {
        const local = Int32Array.from(places, (place) => (wanted[place] as number) - page * rowsPerPage);
        const found = pageRows(context, pages[page] as TensorView, local, width);
        operations.inPlace('InplaceUpdate', rows, context.index(places), found);
      });
    }
  }
  context.store(out, accumulate ? operations.binary('AddV2', rows, context.words(out, rows.shape)) : rows);
}

/** Rows of one page as floats [n, width]. */
function pageRows(context: KernelContext, page: TensorView, rows: Int32Array, width: number): Handle {
  const { operations } = context;
  const index = context.index(rows);
  const perWord = page.dtype === 'f32' ? 1 : page.dtype === 'f16' ? 2 : 4;
  if (width % perWord !== 0)
    return operations.gather(context.numbers(page, [elementsOf(page.shape) / width, width]), index);
  const words = operations.gather(context.words(page, [elementsOf(page.shape) / width, width / perWord]), index);
  if (page.dtype === 'f32') return words;
  if (page.dtype === 'f16') {
    return operations.toFloat(operations.reshape(operations.bitsAs(words, 'half'), [rows.length, width]));
  }
  const elements = operations.toFloat(operations.reshape(operations.bitsAs(words, 'int8'), [rows.length, width]));
  const { scales, blockLength } = page.blocks as NonNullable<TensorView['blocks']>;
  const blocks = Math.ceil(width / blockLength);
  const own = operations.gather(context.words(scales, [elementsOf(scales.shape) / blocks, blocks]), index);
  return context.scaleBlocks(elements, own, blockLength);
}

/** Sums of the source's rows by segments, added in place: each row of the result is written once. */
function scatterAddRows(context: KernelContext, args: ScatterAddRowsArguments): void {
  const { source, count, width, out } = args;
  const { operations } = context;
  const rows = integersOf(context, args.rows).subarray(0, count);
  const starts = integersOf(context, args.starts);
  const order = integersOf(context, args.order).subarray(0, starts[count] ?? 0);
  const filled = [...rows.keys()].filter((row) => (starts[row] as number) < (starts[row + 1] as number));
  if (filled.length === 0) return;
  const segmentOf = new Int32Array(order.length);
  filled.forEach((row, segment) => {
    segmentOf.fill(segment, starts[row], starts[row + 1]);
  });
  const values = context.words(source, [elementsOf(source.shape) / width, width]);
  const inOrder = order.every((from, place) => from === place) && order.length === values.shape[0];
  const sorted = inOrder ? values : operations.gather(values, context.index(order));
  const sums = filled.length === order.length ? sorted : operations.segmentSum(sorted, context.index(segmentOf));
  const targets = context.index(filled.map((row) => rows[row] as number));
  const total = [elementsOf(out.shape) / width, width];
  if (context.isWhole(out) && context.bufferOf(out).place === null) {
    context.memory.ownWords(context.bufferOf(out));
    operations.inPlace('InplaceAdd', context.words(out, total), targets, sums);
    context.bufferOf(out).version += 1;
    return;
  }
  const changed = operations.copy(context.words(out, total));
  operations.inPlace('InplaceAdd', changed, targets, sums);
  context.store(out, changed);
}

function permute(context: KernelContext, { input, axes, out }: PermuteArguments): void {
  const { operations } = context;
  if (input.dtype === 'f32') {
    context.store(out, operations.transpose(context.words(input, input.shape), axes));
    return;
  }
  if (input.dtype === 'f16') {
    context.storeHalves(out, operations.transpose(context.numbers(input), axes)); // exact both ways
    return;
  }
  const values = integersOf(context, input);
  const result = new Int32Array(values.length);
  const strides = axes.map((axis) => elementsOf(input.shape.slice(axis + 1)));
  for (let i = 0; i < result.length; i += 1) {
    let rest = i;
    let from = 0;
    for (let k = axes.length - 1; k >= 0; k -= 1) {
      const length = out.shape[k] as number;
      from += (rest % length) * (strides[k] as number);
      rest = Math.floor(rest / length);
    }
    result[i] = values[from] as number;
  }
  writableIntegers(context, out).set(result);
}

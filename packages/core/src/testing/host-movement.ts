/** The host backend's movement of rows and blocks: gatherRows, scatterAddRows, permute, copyBlock. */

import type {
  CopyBlockArguments,
  GatherRowsArguments,
  PermuteArguments,
  Primitives,
  ScatterAddRowsArguments,
} from '../backend/primitives.ts';
import { DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import { formatShape, sameShape, sizeOf } from '../tensor/shape.ts';
import type { HostMemory } from './host-memory.ts';

type Movement = Pick<Primitives, 'gatherRows' | 'scatterAddRows' | 'permute' | 'copyBlock'>;

export function hostMovement(memory: HostMemory): Movement {
  return {
    gatherRows: (args) => gatherRows(memory, args),
    scatterAddRows: (args) => scatterAddRows(memory, args),
    permute: (args) => permute(memory, args),
    copyBlock: (args) => copyBlock(memory, args),
  };
}

function gatherRows(memory: HostMemory, args: GatherRowsArguments): void {
  const { pages, rowsPerPage, ids, stride, offset, width, accumulate, out } = args;
  const [first] = pages;
  for (const page of pages) {
    if (page.dtype === first?.dtype && page.blocks?.blockLength === first.blocks?.blockLength) continue;
    throw new DTypeError({ what: 'gatherRows: pages differ in dtype or blocks.', got: page.dtype });
  }
  const tables = pages.map((page) => memory.numbers(page, 'gatherRows: a page'));
  const rows = memory.integers(ids, 'gatherRows: the ids');
  const result = memory.floats(out, 'gatherRows: the result', rows.length * width);
  memory.expectApart('gatherRows', out, [ids, ...pages]);
  rows.forEach((id, i) => {
    const row = id * stride + offset;
    const table = tables[Math.floor(row / rowsPerPage)];
    const start = (row % rowsPerPage) * width;
    if (id >= 0 && (table === undefined || start + width > table.length)) {
      throw new InvalidArgumentError({ what: 'gatherRows: there is no such row.', got: `row ${row} of id ${id}` });
    }
    for (let k = 0; k < width; k += 1) {
      const value = id < 0 ? 0 : ((table as Float32Array)[start + k] as number);
      result[i * width + k] = value + (accumulate ? (result[i * width + k] as number) : 0);
    }
  });
}

function scatterAddRows(memory: HostMemory, args: ScatterAddRowsArguments): void {
  const { source, count, width, out } = args;
  const rows = memory.integers(args.rows, 'scatterAddRows: the rows', count);
  const starts = memory.integers(args.starts, 'scatterAddRows: the starts', count + 1);
  const order = memory.integers(args.order, 'scatterAddRows: the order', starts[count]);
  const values = memory.floats(source, 'scatterAddRows: the source');
  const result = memory.floats(out, 'scatterAddRows: the result');
  memory.expectApart('scatterAddRows', out, [source, args.rows, args.starts, args.order]);
  if (new Set(rows).size !== count) {
    throw new InvalidArgumentError({ what: 'scatterAddRows: a row is named twice.', got: rows.join(', ') });
  }
  const expectRow = (row: number, length: number) => {
    if (row >= 0 && (row + 1) * width <= length) return;
    throw new InvalidArgumentError({ what: 'scatterAddRows: there is no such row.', got: String(row) });
  };
  rows.forEach((row, u) => {
    expectRow(row, result.length);
    for (let k = 0; k < width; k += 1) {
      let total = result[row * width + k] as number;
      for (const from of order.subarray(starts[u], starts[u + 1])) {
        expectRow(from, values.length);
        total += values[from * width + k] as number;
      }
      result[row * width + k] = total;
    }
  });
}

function permute(memory: HostMemory, { input, axes, out }: PermuteArguments): void {
  const expected = axes.map((axis) => input.shape[axis] ?? -1);
  if (axes.length > 4 || !sameShape(out.shape, expected)) {
    throw new ShapeError({
      what: 'permute: the result has the wrong shape, or more than 4 axes.',
      got: formatShape(out.shape),
      expected: formatShape(expected),
    });
  }
  if (input.dtype !== out.dtype) {
    throw new DTypeError({ what: 'permute keeps the dtype.', got: out.dtype, expected: input.dtype });
  }
  memory.expectApart('permute', out, [input]);
  const source = memory.words(input, 'permute');
  const result = memory.words(out, 'permute: the result', source.length);
  const strides = axes.map((axis) => sizeOf(input.shape.slice(axis + 1)));
  for (let i = 0; i < result.length; i += 1) {
    let rest = i;
    let from = 0;
    for (let k = axes.length - 1; k >= 0; k -= 1) {
      const length = out.shape[k] as number;
      from += (rest % length) * (strides[k] as number);
      rest = Math.floor(rest / length);
    }
    result[i] = source[from] as number;
  }
}

function copyBlock(memory: HostMemory, args: CopyBlockArguments): void {
  const { input, inputOffset, inputStride, out, outOffset, outStride, outer, length } = args;
  if (input.dtype !== out.dtype) {
    throw new DTypeError({ what: 'copyBlock keeps the dtype.', got: out.dtype, expected: input.dtype });
  }
  const places = [inputOffset, inputStride, outOffset, outStride, length];
  if (input.dtype === 'f16' && places.some((place) => place % 2 !== 0)) {
    throw new InvalidArgumentError({ what: 'copyBlock takes even places of f16.', got: places.join(', ') });
  }
  const source = memory.words(input, 'copyBlock');
  const result = memory.words(out, 'copyBlock: the result');
  const last = Math.max(0, outer - 1);
  if (
    inputOffset + last * inputStride + length > source.length ||
    outOffset + last * outStride + length > result.length
  ) {
    throw new InvalidArgumentError({
      what: 'copyBlock reaches beyond a tensor.',
      got: `${outer} runs of ${length} from ${inputOffset} by ${inputStride} to ${outOffset} by ${outStride}`,
      expected: `within ${source.length} and ${result.length} elements`,
    });
  }
  expectBlocksApart(args);
  for (let o = 0; o < outer; o += 1) {
    const from = inputOffset + o * inputStride;
    result.set(source.subarray(from, from + length), outOffset + o * outStride);
  }
}

/** Throws when an element is both read and written. */
function expectBlocksApart(args: CopyBlockArguments): void {
  const { input, inputOffset, inputStride, out, outOffset, outStride, outer, length } = args;
  if (input.buffer !== out.buffer) return;
  const bytes = bytesPerElement[input.dtype];
  const places = (byteOffset: number, offset: number, stride: number) =>
    Array.from({ length: outer * length }, (_, i) => {
      return byteOffset / bytes + offset + Math.floor(i / length) * stride + (i % length);
    });
  const read = new Set(places(input.byteOffset, inputOffset, inputStride));
  if (places(out.byteOffset, outOffset, outStride).some((place) => read.has(place))) {
    throw new InvalidArgumentError({ what: 'copyBlock: the result overlaps an input.' });
  }
}

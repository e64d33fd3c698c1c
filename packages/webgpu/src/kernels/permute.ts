/**
 * permute: out axis k is input axis axes[k], at most 4 axes; any dtype but i8.
 *
 * Axes that stay neighbours are joined first, so that [B, T, H, C] → [B, H, T, C] moves runs of C, in vectors. What is
 * left goes through strided-copy, except that swapped last axes [.., m, n] → [.., n, m] on GPUs go through tiles of
 * 32 × 32 in workgroup memory, so that reads and writes both meet whole cache lines (a column more than 32 keeps the
 * banks apart). f16 is widened, permuted, and narrowed again, all of it exact.
 */

import { type PermuteArguments, sizeOf, type TensorView } from '@inattention/core';
import { defineKernel } from '../execution/kernel.ts';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { cast } from './cast.ts';
import { type Box, mergeAxes, stridedCopy } from './strided-copy.ts';

const tile = 32;
const rowsPerStep = 8;

/** Thinner matrices waste most of a tile. */
const leastSide = 16;

/** Workgroups along a dimension of a dispatch at most. */
const mostWorkgroups = 65535;

const transpose = defineKernel({
  name: 'transpose',
  params: { rows: 'u32', columns: 'u32' },
  bindings: { input: { access: 'read', element: 'u32' }, out: { access: 'write', element: 'u32' } },
  workgroupSize: [tile, rowsPerStep, 1],
  declarations: `var<workgroup> tile_words: array<array<u32, ${tile + 1}>, ${tile}>;`,
  main: ({ input, out }) => `
  let matrix = group.z * params.rows * params.columns;
  let row = group.y * ${tile}u;
  let column = group.x * ${tile}u;
  for (var step = local.y; step < ${tile}u; step += ${rowsPerStep}u) {
    if (row + step < params.rows && column + local.x < params.columns) {
      tile_words[step][local.x] = ${input}[params.input_at + matrix + (row + step) * params.columns + column + local.x];
    }
  }
  workgroupBarrier();
  for (var step = local.y; step < ${tile}u; step += ${rowsPerStep}u) {
    if (column + step < params.columns && row + local.x < params.rows) {
      ${out}[params.out_at + matrix + (column + step) * params.rows + row + local.x] = tile_words[local.x][step];
    }
  }`,
});

export function permute(runner: KernelRunner, { input, axes, out }: PermuteArguments): void {
  if (input.dtype === 'f16') {
    runner.withScratch(input.shape, (wide) => {
      runner.withScratch(out.shape, (permuted) => {
        cast(runner, { input, out: wide });
        permute(runner, { input: wide, axes, out: permuted });
        cast(runner, { input: permuted, out });
      });
    });
    return;
  }
  const box = mergeAxes({
    from: 0,
    to: 0,
    axes: axes.map((axis, k) => ({
      length: input.shape[axis] as number,
      from: sizeOf(input.shape.slice(axis + 1)),
      to: sizeOf(out.shape.slice(k + 1)),
    })),
  });
  const matrices = runner.traits.software ? null : swappedLastAxes(box);
  if (matrices !== null && runner.fits(input) && runner.fits(out)) transposeTiled(runner, input, out, matrices);
  else stridedCopy(runner, input, out, box);
}

interface Matrices {
  readonly count: number;
  /** Of the input. */
  readonly rows: number;
  readonly columns: number;
}

/** The matrices that a box transposes one by one, or null when it does something else. */
function swappedLastAxes({ axes }: Box): Matrices | null {
  const [column, row] = axes.slice(-2);
  const [outer] = axes;
  if (column === undefined || row === undefined || outer === undefined || axes.length > 3) return null;
  const rows = row.length;
  const columns = column.length;
  const within = column.from === 1 && row.from === columns && column.to === rows && row.to === 1;
  const apart = axes.length === 2 || (outer.from === rows * columns && outer.to === rows * columns);
  const count = axes.length === 2 ? 1 : outer.length;
  const dispatchable = Math.max(count, Math.ceil(rows / tile), Math.ceil(columns / tile)) <= mostWorkgroups;
  return within && apart && dispatchable && Math.min(rows, columns) >= leastSide ? { count, rows, columns } : null;
}

function transposeTiled(
  runner: KernelRunner,
  input: TensorView,
  out: TensorView,
  { count, rows, columns }: Matrices,
): void {
  const [across, down] = [Math.ceil(columns / tile), Math.ceil(rows / tile)];
  runner.run(transpose, { bindings: { input, out }, params: { rows, columns }, workgroups: [across, down, count] });
}

/**
 * rope: rotates pairs (c, c + C/2) of each head by the angles of its row's position; rows [n, heads, C], out may be the
 * input. Position p = coarse · F + fine; with tables of both in f32, by angle addition (never sin or cos of a position):
 *
 *     cos = cos_coarse cos_fine − sin_coarse sin_fine;  sin = sin_coarse cos_fine + cos_coarse sin_fine.
 *
 * An invocation rotates one pair, or four pairs as vectors, in a run of heads, for which it makes the angle once: all
 * heads where a CPU plays GPU, few elsewhere so that one row still fills a workgroup. Memory-bound: 8 bytes per element.
 */

import type { RopeAngles, RopeArguments, TensorView } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { rowRuns, rowsOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';

const size = 64;

const kernels = kernelFamily((vectors: boolean) => {
  const { type: element, width } = elementsOf(vectors);
  return defineKernel({
    name: 'rope',
    variant: element,
    params: {
      rows: 'u32',
      heads: 'u32',
      /** C / 2, in elements. */
      half: 'u32',
      /** Heads of one invocation, and how many runs of them a row has. */
      run: 'u32',
      runs: 'u32',
      fine_length: 'u32',
      /** 1: `fine` and `coarse` have an entry for each row. */
      by_row: 'u32',
      /** −1 to rotate back. */
      direction: 'f32',
    },
    bindings: {
      input: { access: 'read', element },
      positions: { access: 'read', element: 'i32' },
      fine: { access: 'read', element: vectors ? 'vec4<f32>' : 'f32' },
      coarse: { access: 'read', element: vectors ? 'vec4<f32>' : 'f32' },
      out: { access: 'write', element },
    },
    workgroupSize: [size, 1, 1],
    main: ({ input, positions, fine, coarse, out }) => {
      const entry = (table: string, at: string) =>
        width === 4
          ? `let ${table}0 = ${at}[params.${table}_at + ${table}_entry];
  let ${table}1 = ${at}[params.${table}_at + ${table}_entry + 1u];
  let cos_${table} = vec4<f32>(${table}0.xz, ${table}1.xz);
  let sin_${table} = vec4<f32>(${table}0.yw, ${table}1.yw);`
          : `let cos_${table} = ${at}[params.${table}_at + ${table}_entry];
  let sin_${table} = ${at}[params.${table}_at + ${table}_entry + 1u];`;
      return `
  let pair = index % params.half;
  let rest = index / params.half;
  let row = rest / params.runs;
  if (row >= params.rows) { return; }
  let position = u32(${positions}[params.positions_at + row]);
  let by_row = params.by_row == 1u;
  let fine_entry = (select(position % params.fine_length, row, by_row) * params.half + pair) * 2u;
  let coarse_entry = (select(position / params.fine_length, row, by_row) * params.half + pair) * 2u;
  ${entry('fine', fine)}
  ${entry('coarse', coarse)}
  let cosine = cos_coarse * cos_fine - sin_coarse * sin_fine;
  let sine = params.direction * (sin_coarse * cos_fine + cos_coarse * sin_fine);
  let first = (rest % params.runs) * params.run;
  for (var head = first; head < min(first + params.run, params.heads); head += 1u) {
    let at = (row * params.heads + head) * 2u * params.half + pair;
    let a = ${input}[params.input_at + at];
    let b = ${input}[params.input_at + at + params.half];
    ${out}[params.out_at + at] = a * cosine - b * sine;
    ${out}[params.out_at + at + params.half] = b * cosine + a * sine;
  }`;
    },
  });
});

/** Entries of a window [first, first + count) of a table to the rows that need them: out[row] = table[entry of row]. */
const entryKernel = defineKernel({
  name: 'rope-entries',
  params: { rows: 'u32', width: 'u32', divisor: 'u32', modulus: 'u32', first: 'u32', count: 'u32' },
  bindings: {
    positions: { access: 'read', element: 'i32' },
    table: { access: 'read', element: 'f32' },
    out: { access: 'write', element: 'f32' },
  },
  workgroupSize: [size, 1, 1],
  main: ({ positions, table, out }) => `
  let row = index / params.width;
  if (row >= params.rows) { return; }
  let entry = (u32(${positions}[params.positions_at + row]) / params.divisor) % params.modulus;
  if (entry < params.first || entry >= params.first + params.count) { return; }
  let at = (entry - params.first) * params.width + index % params.width;
  ${out}[params.out_at + index] = ${table}[params.table_at + at];`,
});

export function rope(
  runner: KernelRunner,
  args: RopeArguments,
  headsPerInvocation = runner.traits.software ? Number.POSITIVE_INFINITY : 4,
): void {
  const { input, positions, angles, inverse, out } = args;
  const [rows = 0, heads = 0, headDim = 0] = input.shape;
  if (heads * headDim === 0) return;
  const run = Math.min(heads, headsPerInvocation);
  const runs = Math.ceil(heads / run);
  for (const { first, count } of rowRuns(runner, rows, heads * headDim)) {
    const own = rowsOf(positions, first, count);
    withReachableAngles(runner, angles, own, headDim, (fine, coarse, byRow) => {
      const vectors = canUseVectors(runner, headDim / 2, input, out, fine, coarse);
      const half = vectors ? headDim / 8 : headDim / 2;
      runner.run(kernels(vectors), {
        bindings: {
          input: rowsOf(input, first, count),
          positions: own,
          fine,
          coarse,
          out: rowsOf(out, first, count),
        },
        params: {
          rows: count,
          heads,
          half,
          run,
          runs,
          fine_length: angles.fineLength,
          by_row: byRow ? 1 : 0,
          direction: inverse ? -1 : 1,
        },
        workgroups: gridOf(count * runs * half, size),
        flops: 3 * count * heads * headDim,
      });
    });
  }
}

/** Gives the two tables, or where one is longer than a binding their entries for each row of positions. */
function withReachableAngles(
  runner: KernelRunner,
  { fine, coarse, fineLength }: RopeAngles,
  positions: TensorView,
  headDim: number,
  work: (fine: TensorView, coarse: TensorView, byRow: boolean) => void,
): void {
  if (runner.fits(fine) && runner.fits(coarse)) {
    work(fine, coarse, false);
    return;
  }
  const [rows = 0] = positions.shape;
  const pick = (table: TensorView, divisor: number, modulus: number, out: TensorView) => {
    for (const { first, count } of rowRuns(runner, table.shape[0] ?? 0, headDim)) {
      runner.run(entryKernel, {
        bindings: { positions, table: rowsOf(table, first, count), out },
        params: { rows, width: headDim, divisor, modulus, first, count },
        workgroups: gridOf(rows * headDim, size),
      });
    }
  };
  runner.withScratch([rows, headDim], (ownFine) =>
    runner.withScratch([rows, headDim], (ownCoarse) => {
      pick(fine, 1, fineLength, ownFine);
      pick(coarse, fineLength, 2 ** 31, ownCoarse);
      work(ownFine, ownCoarse, true);
    }),
  );
}

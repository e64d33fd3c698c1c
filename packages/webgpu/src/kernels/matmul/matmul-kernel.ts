/** What the kernels of this folder share: their parameters, how a part is given to them, how results are written. */

import { bytesPerElement } from '@inattention/core';
import type { Traffic } from '../../execution/commands.ts';
import type { ParameterType } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { loadSpan, type Storage } from './operand-loads.ts';
import { bytesOf, type Part } from './parts.ts';
import { flopsOf, type Operand } from './problem.ts';

export const partParams = {
  rows: 'u32',
  columns: 'u32',
  inner: 'u32',
  /** Elements from one row, column or inner index to the next, whichever are not contiguous. */
  a_step: 'u32',
  b_step: 'u32',
  out_step: 'u32',
  /** From one matrix to the next. */
  a_batch: 'u32',
  b_batch: 'u32',
  out_batch: 'u32',
  /** First element of b, where it lies within a word. */
  b_start: 'u32',
  block_length: 'u32',
  block_start: 'u32',
  scales_step: 'u32',
  scales_batch: 'u32',
  scale: 'f32',
  /** 1: add to what `out` holds. */
  accumulate: 'u32',
} as const satisfies Record<string, ParameterType>;

export function paramsOf(part: Part): Record<keyof typeof partParams, number> {
  const { a, b, out } = part;
  return {
    rows: part.rows,
    columns: part.columns,
    inner: part.inner,
    a_step: a.step,
    b_step: b.step,
    out_step: out.step,
    a_batch: a.batchStep,
    b_batch: b.batchStep,
    out_batch: out.batchStep,
    b_start: b.start,
    block_length: part.blockLength,
    block_start: part.blockStart,
    scales_step: part.scaleStep,
    scales_batch: part.scaleBatchStep,
    scale: part.scale,
    accumulate: part.accumulate ? 1 : 0,
  };
}

/** The views of a part by the names the kernels give them. `b` stands for the scales where it has none. */
export function viewsOf(part: Part) {
  return { a: part.a.view, b: part.b.view, scales: part.scales ?? part.b.view, out: part.out.view };
}

/** How a kernel reads an operand: how many times each element, in which storage. */
export type Reads = readonly [times: number, storage: Storage];

/** Operations, bytes at least, and what is loaded and stored. */
export function costOf(part: Part, a: Reads, b: Reads, vectors: boolean) {
  const { batch, rows, columns, inner, accumulate } = part;
  const stored = batch * rows * columns * (accumulate ? 2 : 1);
  const read = (elements: number, { view }: Operand, [times, storage]: Reads): Traffic => ({
    accesses: (elements * times) / loadSpan[storage],
    bytes: elements * times * bytesPerElement[view.dtype],
  });
  const [ofA, ofB] = [read(batch * rows * inner, part.a, a), read(batch * columns * inner, part.b, b)];
  return {
    flops: flopsOf(part),
    bytes: bytesOf(part),
    traffic: {
      accesses: ofA.accesses + ofB.accesses + stored / (vectors ? 4 : 1),
      bytes: ofA.bytes + ofB.bytes + 4 * stored,
    },
  };
}

/** Whether results can be written four at a time. */
export function outTakesVectors(runner: KernelRunner, { out, columns }: Part): boolean {
  return [out.start, columns, out.step, out.batchStep].every((n) => n % 4 === 0) && runner.aligned(out.view);
}

/** Lines of WGSL that differ by a number. */
export function each(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('\n  ');
}

/** WGSL: puts one result, or four of a row, at element `at` of `out`. */
export function resultStores(out: string, vectors: boolean): string {
  if (vectors) {
    return `fn put4(at: u32, n: u32, sum: vec4<f32>) {
  let place = params.out_at + (at >> 2u);
  var result = params.scale * sum;
  if (params.accumulate != 0u) { result += ${out}[place]; }
  ${out}[place] = result;
}`;
  }
  return `fn put1(at: u32, sum: f32) {
  let place = params.out_at + at;
  var result = params.scale * sum;
  if (params.accumulate != 0u) { result += ${out}[place]; }
  ${out}[place] = result;
}
fn put4(at: u32, n: u32, sum: vec4<f32>) {
  put1(at, sum.x);
  if (n > 1u) { put1(at + 1u, sum.y); }
  if (n > 2u) { put1(at + 2u, sum.z); }
  if (n > 3u) { put1(at + 3u, sum.w); }
}`;
}

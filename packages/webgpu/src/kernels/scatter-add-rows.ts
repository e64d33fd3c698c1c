/**
 * scatterAddRows: out[rows[u]] += Σ source[order[s]], s from starts[u] to starts[u+1], f32 rows of `width`. Deterministic:
 * an invocation owns its elements of out and adds in the order given.
 *
 * Geometry: an invocation per element (or vector of four) of the `count` rows, in a 1-D grid; lanes next to each other
 * read and write next to each other. Roofline: each source row is read once, each row of out read and written once; the
 * indices come from cache. Where source or out is longer than a binding (or the work than a dispatch), each dispatch adds
 * the source rows of one window to the rows of out in another; so with order and the lists of rows, which is rarer.
 */

import { type ScatterAddRowsArguments, sizeOf, type TensorView } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { elementsPerPiece, sliceOf } from './pieces.ts';
import { canUseVectors, elementsOf } from './wgsl/elements.ts';

const size = 64;

const scatterKernel = kernelFamily((vectors: boolean) => {
  const { type } = elementsOf(vectors);
  const integers = { access: 'read', element: 'i32' } as const;
  return defineKernel({
    name: 'scatter-add-rows',
    variant: type,
    params: {
      count: 'u32', // invocations
      units: 'u32', // invocations per row
      // Windows: the first row or place, and how many.
      first_source: 'i32',
      sources: 'i32',
      first_out: 'i32',
      outs: 'i32',
      first_order: 'i32',
      orders: 'i32',
    },
    bindings: {
      source: { access: 'read', element: type },
      rows: integers,
      starts: integers,
      order: integers,
      out: { access: 'write', element: type },
    },
    workgroupSize: [size, 1, 1],
    shader: async () => (await import('./scatter-add-rows.wgsl.ts')).scatterAddRows,
  });
});

export function scatterAddRows(runner: KernelRunner, args: ScatterAddRowsArguments): void {
  const { source, rows, starts, order, count, width, out } = args;
  if (count * width === 0) return;
  const most = elementsPerPiece(runner, 4);
  const wide = Math.max(1, Math.floor(most / width));
  const vectors = canUseVectors(runner, width, source, out);
  const units = width / elementsOf(vectors).width;
  for (const target of windows(sizeOf(out.shape) / width, wide)) {
    for (const list of windows(count, Math.min(wide, most - 1))) {
      for (const places of windows(sizeOf(order.shape), most)) {
        for (const from of windows(sizeOf(source.shape) / width, wide)) {
          runner.run(scatterKernel(vectors), {
            bindings: {
              source: rowsOf(source, from, width),
              rows: sliceOf(rows, list.first, list.length),
              starts: sliceOf(starts, list.first, list.length + 1),
              order: sliceOf(order, places.first, places.length),
              out: rowsOf(out, target, width),
            },
            params: {
              count: list.length * units,
              units,
              first_source: from.first,
              sources: from.length,
              first_out: target.first,
              outs: target.length,
              first_order: places.first,
              orders: places.length,
            },
            workgroups: gridOf(list.length * units, size),
            flops: from.length * width,
          });
        }
      }
    }
  }
}

interface Window {
  readonly first: number;
  readonly length: number;
}

/** [0, count) in windows of at most `most`. */
function windows(count: number, most: number): Window[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, number) => {
    const first = number * most;
    return { first, length: Math.min(most, count - first) };
  });
}

function rowsOf(view: TensorView, { first, length }: Window, width: number): TensorView {
  return sliceOf(view, first * width, length * width);
}

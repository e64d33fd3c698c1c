/**
 * Copies a box of elements of up to 4 axes, each with a stride on either side: what permute and copyBlock come down to.
 * Elements are words (or vectors of four), moved as bits. Not for overlapping regions.
 *
 * Geometry: one element per invocation, in the order of the result, so that writes of neighbours meet; a 1-D grid.
 * Roofline: 8 bytes per element and nothing else; strided reads cost whole cache lines (permute.ts has a tiled variant).
 */

import type { TensorView } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { elementsPerPiece } from './pieces.ts';

/** One axis of a box: its length and its strides in elements, on both sides. */
interface BoxAxis {
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

/** A box: where it begins on both sides, in words, and its axes, outermost of the result first. */
export interface Box {
  readonly from: number;
  readonly to: number;
  readonly axes: readonly BoxAxis[];
}

const size = 64;

const copyKernel = kernelFamily((rank: number, vector: boolean) => {
  const type = vector ? 'vec4<u32>' : 'u32';
  const inner = Array.from({ length: rank - 1 }, (_, k) => rank - 1 - k); // axes rank−1 … 1
  return defineKernel({
    name: 'strided-copy',
    variant: `${rank} ${type}`,
    params: Object.fromEntries(
      ['count', ...Array.from({ length: rank }, (_, k) => [`length${k}`, `from${k}`, `to${k}`]).flat()].map(
        (name) => [name, 'u32'] as const,
      ),
    ),
    bindings: { input: { access: 'read', element: type }, out: { access: 'write', element: type } },
    workgroupSize: [size, 1, 1],
    main: ({ input, out }) => `
  if (index >= params.count) { return; }
  var rest = index;
  var source_at = params.input_at;
  var out_at = params.out_at;
${inner
  .map(
    (k) => `
  let place${k} = rest % params.length${k};
  rest /= params.length${k};
  source_at += place${k} * params.from${k};
  out_at += place${k} * params.to${k};`,
  )
  .join('')}
  ${out}[out_at + rest * params.to0] = ${input}[source_at + rest * params.from0];`,
  });
});

/** Copies a box between views of 4-byte elements (or f16 seen as words); cut where it fits no binding or dispatch. */
export function stridedCopy(runner: KernelRunner, input: TensorView, out: TensorView, box: Box): void {
  for (const part of partsOf(runner, mergeAxes(box))) {
    const views = { input: wordsOf(input, part, 'from'), out: wordsOf(out, part, 'to') };
    const vector = isVectorial(part) && runner.aligned(views.input) && runner.aligned(views.out);
    const axes = vector ? part.axes.map((axis, k) => inVectors(axis, k === part.axes.length - 1)) : part.axes;
    const count = axes.reduce((product, { length }) => product * length, 1);
    const params: Record<string, number> = { count };
    axes.forEach(({ length, from, to }, k) => {
      Object.assign(params, { [`length${k}`]: length, [`from${k}`]: from, [`to${k}`]: to });
    });
    runner.run(copyKernel(axes.length, vector), {
      bindings: views,
      params,
      workgroups: gridOf(count, size),
      bytes: 8 * volume(part),
    });
  }
}

/** Drops axes of one element and joins neighbours that are one run on both sides. */
export function mergeAxes(box: Box): Box {
  const axes: BoxAxis[] = [];
  for (const axis of box.axes) {
    if (axis.length === 1) continue;
    const outer = axes.at(-1);
    if (outer?.from === axis.length * axis.from && outer.to === axis.length * axis.to) {
      axes[axes.length - 1] = { ...axis, length: outer.length * axis.length };
    } else {
      axes.push(axis);
    }
  }
  return { ...box, axes: axes.length === 0 ? [{ length: 1, from: 1, to: 1 }] : axes };
}

/** Halves a box until both sides fit a binding and one dispatch. */
function partsOf(runner: KernelRunner, box: Box): Box[] {
  const most = elementsPerPiece(runner, 4);
  if (Math.max(span(box, 'from'), span(box, 'to'), volume(box)) <= most) return [box];
  const side = span(box, 'from') > most ? 'from' : 'to';
  const reach = ({ length, [side]: stride }: BoxAxis) => (length > 1 ? stride : -1);
  const cut = box.axes.reduce((widest, axis) => (reach(axis) > reach(widest) ? axis : widest));
  // A multiple of four keeps vectors whole.
  const half = cut.length > 8 ? Math.ceil(cut.length / 8) * 4 : Math.ceil(cut.length / 2);
  const part = (start: number, length: number): Box => ({
    from: box.from + start * cut.from,
    to: box.to + start * cut.to,
    axes: box.axes.map((axis) => (axis === cut ? { ...axis, length } : axis)),
  });
  return [...partsOf(runner, part(0, half)), ...partsOf(runner, part(half, cut.length - half))];
}

/** Words from the first element of a box to its last. */
function span({ axes }: Box, side: 'from' | 'to'): number {
  return axes.reduce((words, axis) => words + (axis.length - 1) * axis[side], 1);
}

function volume({ axes }: Box): number {
  return axes.reduce((product, { length }) => product * length, 1);
}

function isVectorial({ axes }: Box): boolean {
  const last = axes.at(-1) as BoxAxis;
  const outer = axes.slice(0, -1);
  return (
    last.from === 1 && last.to === 1 && last.length % 4 === 0 && outer.every((axis) => (axis.from | axis.to) % 4 === 0)
  );
}

function inVectors({ length, from, to }: BoxAxis, last: boolean): BoxAxis {
  return last ? { length: length / 4, from, to } : { length, from: from / 4, to: to / 4 };
}

function wordsOf({ buffer, byteOffset }: TensorView, box: Box, side: 'from' | 'to'): TensorView {
  return { buffer, byteOffset: byteOffset + 4 * box[side], dtype: 'u32', shape: [span(box, side)] };
}

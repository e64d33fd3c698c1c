/**
 * sum, max: [outer, axis, inner] over axis into [outer, inner], f32.
 *
 * Two kernels, both over [outer, parts, inner] results of up to `chunk` elements along the axis each:
 *   columns  an invocation per result; neighbours read neighbours where inner > 1. Sums run in blocks of 64, so that
 *            rounding grows with √(n / 64), not √n. No barriers: on software adapters it serves inner = 1 too.
 *   rows     inner = 1 on GPUs: a workgroup of 64 per result, lanes read neighbours, then a tree in workgroup memory.
 * Long axes with few results go in two stages: partial results of chunks, then those. Inputs that no binding
 * or short dispatch takes are cut into boxes, each joined to the result so far. Roofline: one FLOP per 4 bytes.
 */

import type { ReduceArguments } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { elementsPerPiece, sliceOf } from './pieces.ts';

export type ReduceKind = 'sum' | 'max';

const size = 64;

/** Axes up to this long are reduced by one invocation on GPUs too. */
const shortAxis = 32;

/**
 * An axis is split when there are fewer results than keep a device busy (invocations of `columns`, workgroups of
 * `rows`), into chunks of at least that many elements.
 */
const splits = {
  rows: { enough: 512, leastChunk: 8192 },
  columns: { enough: 16384, leastChunk: 512 },
  software: { enough: 256, leastChunk: 4096 },
} as const;

const joins: Readonly<Record<ReduceKind, (a: string, b: string) => string>> = {
  sum: (a, b) => `${a} + ${b}`,
  max: (a, b) => `max(${a}, ${b})`,
};

const params = {
  /** Results of this dispatch, outer · parts · inner. */
  count: 'u32',
  axis: 'u32',
  inner: 'u32',
  parts: 'u32',
  chunk: 'u32',
  /** 1: the result is joined to what is there. */
  join: 'u32',
} as const;

const columns = kernelFamily((kind: ReduceKind) =>
  defineKernel({
    name: kind,
    variant: 'columns',
    params,
    bindings: { input: { access: 'read', element: 'f32' }, out: { access: 'write', element: 'f32' } },
    workgroupSize: [size, 1, 1],
    main: ({ input, out }) => `
  if (index >= params.count) { return; }
  let rest = index / params.inner;
  let first = (rest % params.parts) * params.chunk;
  let end = min(first + params.chunk, params.axis);
  var at = params.input_at + ((rest / params.parts) * params.axis + first) * params.inner + index % params.inner;
  var total = ${out}[params.out_at + index];
  for (var block = first; block < end; block += 64u) {
    var part = ${input}[at];
    at += params.inner;
    for (var k = block + 1u; k < min(block + 64u, end); k++) {
      part = ${joins[kind]('part', `${input}[at]`)};
      at += params.inner;
    }
    total = select(${joins[kind]('total', 'part')}, part, block == first && params.join == 0u);
  }
  ${out}[params.out_at + index] = total;`,
  }),
);

const rows = kernelFamily((kind: ReduceKind) =>
  defineKernel({
    name: kind,
    variant: 'rows',
    params,
    bindings: { input: { access: 'read', element: 'f32' }, out: { access: 'write', element: 'f32' } },
    workgroupSize: [size, 1, 1],
    declarations: `var<workgroup> shared_parts: array<f32, ${size}>;`,
    main: ({ input, out }) => `
  let result = group.y * groups.x + group.x;
  if (result >= params.count) { return; }
  let first = (result % params.parts) * params.chunk;
  let end = min(first + params.chunk, params.axis);
  let row = params.input_at + (result / params.parts) * params.axis;
  // Lanes without an element of their own begin with one that does not change the result.
  var part = ${kind === 'sum' ? '0.0' : `${input}[row + first]`};
  for (var k = first + lane; k < end; k += ${size}u) {
    part = ${joins[kind]('part', `${input}[row + k]`)};
  }
  shared_parts[lane] = part;
  for (var half = ${size / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { shared_parts[lane] = ${joins[kind]('shared_parts[lane]', 'shared_parts[lane + half]')}; }
  }
  if (lane == 0u) {
    let total = shared_parts[0];
    let at = params.out_at + result;
    if (params.join == 0u) { ${out}[at] = total; } else { ${out}[at] = ${joins[kind](`${out}[at]`, 'total')}; }
  }`,
  }),
);

export function reduce(runner: KernelRunner, kind: ReduceKind, args: ReduceArguments): void {
  for (const box of boxes(runner, args)) {
    const { outer, axis, inner } = box;
    const results = outer * inner;
    const { enough, leastChunk } = splits[runner.traits.software ? 'software' : inner === 1 ? 'rows' : 'columns'];
    const parts = Math.min(Math.ceil(enough / results), Math.ceil(axis / leastChunk), Math.ceil(Math.sqrt(axis)));
    if (parts < 2) {
      stage(runner, kind, box, 1, axis);
      continue;
    }
    const chunk = Math.ceil(axis / parts);
    const used = Math.ceil(axis / chunk);
    runner.withScratch([outer, used, inner], (scratch) => {
      stage(runner, kind, { ...box, out: scratch, join: false }, used, chunk);
      stage(runner, kind, { ...box, input: scratch, axis: used }, 1, used);
    });
  }
}

interface Box extends ReduceArguments {
  readonly join: boolean;
}

function stage(runner: KernelRunner, kind: ReduceKind, box: Box, parts: number, chunk: number): void {
  const { input, outer, axis, inner, out, join } = box;
  const count = outer * parts * inner;
  const byGroup = !runner.traits.software && inner === 1 && chunk > shortAxis;
  runner.run(byGroup ? rows(kind) : columns(kind), {
    bindings: { input, out },
    params: { count, axis, inner, parts, chunk, join: join ? 1 : 0 },
    workgroups: gridOf(count, byGroup ? 1 : size),
    flops: outer * axis * inner,
  });
}

/** Cuts the input into contiguous boxes that fit a binding and one dispatch. */
function boxes(runner: KernelRunner, args: ReduceArguments): Box[] {
  const { input, outer, axis, inner, out } = args;
  const most = elementsPerPiece(runner, 4);
  if (outer * axis * inner <= most) return [{ ...args, join: false }];
  const columnsOf = Math.min(inner, most);
  const axisOf = columnsOf < inner ? 1 : Math.min(axis, Math.floor(most / inner));
  const outerOf = axisOf < axis || columnsOf < inner ? 1 : Math.floor(most / (axis * inner));
  const result: Box[] = [];
  for (let o = 0; o < outer; o += outerOf) {
    for (let k = 0; k < axis; k += axisOf) {
      for (let i = 0; i < inner; i += columnsOf) {
        const part = {
          outer: Math.min(outerOf, outer - o),
          axis: Math.min(axisOf, axis - k),
          inner: Math.min(columnsOf, inner - i),
        };
        const size = part.outer * part.axis * part.inner;
        result.push({
          ...part,
          input: sliceOf(input, (o * axis + k) * inner + i, size),
          out: sliceOf(out, o * inner + i, part.outer * part.inner),
          join: k > 0,
        });
      }
    }
  }
  return result;
}

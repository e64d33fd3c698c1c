/**
 * Entries of any view as dense rows in scratch: keys (rotated) or values [n, G, C], f32. Linear in the rows, as
 * scores.ts. An invocation to an element (with its partner, where keys are rotated); reads w·G·C numbers an entry and
 * writes G·C.
 */

import type { TensorView } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily, variantOf } from '../../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../../execution/kernel-runner.ts';
import { elementsOf } from '../wgsl/elements.ts';
import { type Block, rowDispatches } from './block-scores.ts';
import { type RowShape, readNumbers, rowBindings, rowParams, rowReading } from './row-reading.ts';

const size = 64;

type ExpandShape = RowShape & { readonly rotated: boolean };

const expandKernel = kernelFamily((shape: ExpandShape) => {
  const { rotated, lanes } = shape;
  const { type } = elementsOf(lanes === 4);
  const bindings: Record<string, BindingDefinition> = {
    ...rowBindings(shape),
    ...(rotated && { angles: { access: 'read', element: lanes === 4 ? 'vec4<f32>' : 'vec2<f32>' } }),
    out: { access: 'write', element: type },
  };
  return defineKernel<string, string>({
    name: 'attend-expand',
    variant: variantOf(shape),
    params: { ...rowParams, entry: 'u32', count: 'u32', adds: 'u32' },
    bindings,
    workgroupSize: [size, 1, 1],
    declarations: (names) => rowReading(shape, names),
    main: ({ angles, out }) => `
  let width = params.head_size${rotated ? ' / 2u' : ''};
  let entry = params.entry + index / (params.kv_heads * width);
  if (entry >= params.entry + params.count) { return; }
  let g = (index / width) % params.kv_heads;
  let c = index % width;
  var places = placesOf(entry, g);
  let scale = scaleAt(entry);
  let at = params.out_at + (entry * params.kv_heads + g) * params.head_size + c;
  ${readNumbers(shape, 'low', 'c')}
  ${
    rotated
      ? `${readNumbers(shape, 'high', 'width + c')}
  ${turn(lanes, angles)}
  var first = (low * cosine - high * sine) * scale;
  var second = (high * cosine + low * sine) * scale;
  if (params.adds != 0u) {
    first += ${out}[at];
    second += ${out}[at + width];
  }
  ${out}[at] = first;
  ${out}[at + width] = second;`
      : `var first = low * scale;
  if (params.adds != 0u) { first += ${out}[at]; }
  ${out}[at] = first;`
  }`,
  });
});

function turn(lanes: 1 | 4, angles: string | undefined): string {
  return lanes === 4
    ? `let a = ${angles}[params.angles_at + (entry * width + c) * 2u];
  let b = ${angles}[params.angles_at + (entry * width + c) * 2u + 1u];
  let cosine = vec4<f32>(a.xz, b.xz);
  let sine = vec4<f32>(a.yw, b.yw);`
    : `let a = ${angles}[params.angles_at + entry * width + c];
  let cosine = a.x;
  let sine = a.y;`;
}

/** Expands a block's keys or values into `out` [n, G, C]. */
export function expandBlock(runner: KernelRunner, block: Block, part: 'keys' | 'values', out: TensorView): void {
  const { kvHeads, headDim } = block.view;
  const angles = part === 'keys' ? block.angles : null;
  const vectors = headDim % (angles === null ? 4 : 8) === 0;
  for (const dispatch of rowDispatches(runner, block, part, angles === null ? 1 : 2, vectors ? 4 : 1)) {
    const { lanes, half, window } = dispatch.shape;
    const kernel = expandKernel({ ...dispatch.shape, rotated: angles !== null });
    const elements = (dispatch.count * kvHeads * headDim) / lanes;
    runner.run(kernel, {
      bindings: { ...dispatch.bindings, out, ...(angles !== null && { angles }) },
      params: {
        ...dispatch.params,
        entry: dispatch.entry,
        count: dispatch.count,
        adds: dispatch.adds ? 1 : 0,
      },
      workgroups: gridOf(angles === null ? elements : elements / 2, size),
      bytes: dispatch.count * kvHeads * headDim * (4 + window * (half ? 2 : 4)),
    });
  }
}

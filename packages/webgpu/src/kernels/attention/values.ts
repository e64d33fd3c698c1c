/**
 * Weighted values of a block: partials[segment, t·H + h, c] = Σ_i weight[t·H + h, i] · v_i[c], v_i made on the fly of the
 * rows in reach. Linear in the rows, as scores.ts. Rows of weight 0 for all queries that share them are not read.
 *
 * The R rows of queries that share a value head share each value. Barrier-free (software): an invocation to a segment
 * and W elements of a head, the sums in registers. Together (real GPUs): neighbouring invocations take neighbouring
 * elements, so that a row is read in one piece; spare invocations take every 2nd (4th …) entry, and their sums meet in
 * workgroup memory. Memory-bound for few queries: w·G·C numbers per entry are read once.
 */

import { defineKernel, kernelFamily, variantOf } from '../../execution/kernel.ts';
import { elementsOf } from '../wgsl/elements.ts';
import { type RowShape, readNumbers, rowBindings, rowParams, rowReading } from './row-reading.ts';

export type ValueShape = RowShape & {
  readonly together: boolean;
  /** R: rows of queries that share a value. */
  readonly rows: number;
  /** W: elements of a head to an invocation, where it works alone; a divisor of their number. */
  readonly elements: number;
};

/** Invocations of a workgroup: of those that work together, and of those that work alone (few, for several cores). */
const togetherSize = 64;
const aloneSize = 8;

export const valuesKernel = kernelFamily((shape: ValueShape) => {
  const { together, rows, lanes } = shape;
  const { type } = elementsOf(lanes === 4);
  return defineKernel<string, string>({
    name: 'attend-values',
    variant: variantOf(shape),
    params: {
      ...rowParams,
      entry: 'u32', // of the block, that the dispatch begins with
      count: 'u32', // entries from there on
      stride: 'u32', // numbers per row of weights
      first_segment: 'u32',
      segment: 'u32', // entries of a segment
      query_rows: 'u32', // T · H/G
      all_rows: 'u32', // T · H
      heads: 'u32',
      group: 'u32', // H/G
      adds: 'u32',
    },
    bindings: {
      ...rowBindings(shape),
      weights: { access: 'read', element: 'f32' },
      partials: { access: 'write', element: type },
    },
    workgroupSize: [together ? togetherSize : aloneSize, 1, 1],
    declarations: (names) => `
${rowReading(shape, names)}
fn rowOf(r: u32, g: u32) -> u32 { return (r / params.group) * params.heads + g * params.group + r % params.group; }
${together ? `var<workgroup> partial: array<${type}, ${togetherSize * rows}>;` : ''}`,
    main: (names) => (together ? togetherMain(shape, names) : aloneMain(shape, names)),
  });
});

/** Workgroups along x for `segments` of one key head and R rows, heads of `size` elements. */
export function valueGroups({ together, elements }: ValueShape, segments: number, size: number): number {
  return together ? segments : Math.ceil((segments * size) / elements / aloneSize);
}

const times = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join('\n');

/** Statements: the entries of `segment` that the dispatch is for, and where each row's weights are. */
function begin({ rows }: ValueShape): string {
  return `
  let g = group.y;
  let r0 = group.z * ${rows}u;
  let segment_first = segment * params.segment;
  let first = max(segment_first, params.entry);
  let end = min(segment_first + params.segment, params.entry + params.count);
${times(rows, (r) => `  let row${r} = rowOf(min(r0 + ${r}u, params.query_rows - 1u), g);`)}
${times(rows, (r) => `  let weights${r} = params.weights_at + row${r} * params.stride;`)}
  // Rows that segments before this dispatch's have begun are added to.
  let adds = params.adds != 0u || segment_first < params.entry;`;
}

function weigh({ rows }: ValueShape, weights: string | undefined): string {
  const all = Array.from({ length: rows }, (_, r) => `weight${r} == 0.0`).join(' && ');
  return `
${times(rows, (r) => `    var weight${r} = ${weights}[weights${r} + entry];`)}
    if (${all}) { continue; }
    let scale = scaleAt(entry);
${times(rows, (r) => `    weight${r} *= scale;`)}
    var places = placesOf(entry, g);`;
}

/** The elements c0 … of the value. */
function readElements(shape: ValueShape): string {
  const { window, lanes, elements } = shape;
  if (window === 1) return times(elements, (e) => readNumbers(shape, `value${e}`, `c0 + ${e}u`));
  return `${times(elements, (e) => `var value${e} = ${elementsOf(lanes === 4).type}(0.0);`)}
    for (var offset = 0u; offset < ${window}u; offset++) {
${times(elements, (e) => `      value${e} += rowNumbers(places[offset], c0 + ${e}u);`)}
    }`;
}

function aloneMain(shape: ValueShape, { weights, partials }: Readonly<Record<string, string>>): string {
  const { rows, elements, lanes } = shape;
  const { type } = elementsOf(lanes === 4);
  return `
  let chunks = params.head_size / ${elements}u;
  let segment = params.first_segment + global.x / chunks;
  let c0 = (global.x % chunks) * ${elements}u;
  ${begin(shape)}
  if (segment_first >= params.entry + params.count) { return; }
${times(rows, (r) => times(elements, (e) => `  var sum${r}_${e} = ${type}(0.0);`))}
  for (var entry = first; entry < end; entry++) {
    ${weigh(shape, weights)}
    ${readElements(shape)}
${times(elements, (e) => times(rows, (r) => `    sum${r}_${e} += weight${r} * value${e};`))}
  }
${times(
  rows,
  (r) => `  if (r0 + ${r}u < params.query_rows) {
    let at = params.partials_at + (segment * params.all_rows + row${r}) * params.head_size + c0;
    if (adds) {
${times(elements, (e) => `      sum${r}_${e} += ${partials}[at + ${e}u];`)}
    }
${times(elements, (e) => `    ${partials}[at + ${e}u] = sum${r}_${e};`)}
  }`,
)}`;
}

function togetherMain(shape: ValueShape, { weights, partials }: Readonly<Record<string, string>>): string {
  const { rows, lanes } = shape;
  const { type } = elementsOf(lanes === 4);
  return `
  let segment = params.first_segment + group.x;
  ${begin(shape)}
  let length = params.head_size;
  let width = min(length, ${togetherSize}u);
  let parts = ${togetherSize}u / width;
  let part = lane / width;
  for (var c0 = 0u; c0 < length; c0 += width) {
    let c = c0 + lane % width;
${times(rows, (r) => `    var sum${r} = ${type}(0.0);`)}
    if (part < parts && c < length) {
      for (var entry = first + part; entry < end; entry += parts) {
        ${weigh(shape, weights)}
        ${readNumbers(shape, 'value', 'c')}
${times(rows, (r) => `        sum${r} += weight${r} * value;`)}
      }
    }
${times(rows, (r) => `    partial[${r * togetherSize}u + lane] = sum${r};`)}
    workgroupBarrier();
    if (part == 0u && c < length) {
${times(
  rows,
  (r) => `      if (r0 + ${r}u < params.query_rows) {
        let at = params.partials_at + (segment * params.all_rows + row${r}) * params.head_size + c;
        for (var p = 1u; p < parts; p++) { sum${r} += partial[${r * togetherSize}u + p * width + lane]; }
        if (adds) { sum${r} += ${partials}[at]; }
        ${partials}[at] = sum${r};
      }`,
)}
    }
    workgroupBarrier();
  }`;
}

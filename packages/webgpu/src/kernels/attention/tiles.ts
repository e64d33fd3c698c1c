/**
 * Attention of many queries over dense keys and values [n, G, C], by online softmax: no score matrix. For real GPUs.
 *
 * A workgroup of 8 × 8 invocations takes 32 queries of a head, and 32 entries at a time. Scores: chunks of 16 channels of
 * queries and keys in workgroup memory, 4 × 4 scores to an invocation (8 vectors loaded for 64 multiply-adds). Values:
 * chunks of 32 channels in workgroup memory, 4 queries × 4 channels to an invocation and chunk, the running outputs in
 * registers. Keys and values come from memory T/32 times; of workgroup memory 11 KiB are used, whatever C.
 *
 * Runs over pages of a KV cache in place, and over blocks that expand.ts has made of other views; each dispatch adds to
 * the state, so that none is long.
 */

import type { AttendArguments, TensorView } from '@inattention/core';
import type { Traffic } from '../../execution/commands.ts';
import { type BindingDefinition, defineKernel, kernelFamily } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { canUseVectors, elementsOf } from '../wgsl/elements.ts';
import { slopeVectorsOf } from './scores.ts';
import { lowestFloat } from './softmax.ts';

/** Queries of a workgroup, and entries of a step. */
export const tileQueries = 32;

const kernels = kernelFamily((lanes: 1 | 4, chunks: number, slopeVectors: number) => {
  const { type } = elementsOf(lanes === 4);
  const bindings: Record<string, BindingDefinition> = {
    queries: { access: 'read', element: type },
    positions: { access: 'read', element: 'i32' },
    keys: { access: 'read', element: type },
    values: { access: 'read', element: type },
    ...(slopeVectors > 0 && { slopes: { access: 'uniform', element: 'vec4<f32>', count: slopeVectors } }),
    out: { access: 'write', element: type },
    maxima: { access: 'write', element: 'f32' },
    sums: { access: 'write', element: 'f32' },
  };
  return defineKernel<string, string>({
    name: 'attend-tiles',
    variant: `${lanes} ${chunks} ${slopeVectors}`,
    params: {
      queries: 'u32', // T
      entries: 'u32', // n
      heads: 'u32',
      kv_heads: 'u32',
      head_dim: 'u32',
      first_position: 'i32', // of entry 0
      scale: 'f32',
      accumulates: 'u32',
    },
    bindings,
    workgroupSize: [64, 1, 1],
    declarations: ({ queries, keys, values }) => `
var<workgroup> left: array<vec4<f32>, 128>; // queries [32, 4]
var<workgroup> right: array<vec4<f32>, 256>; // keys [32, 4], then values [32, 8]
var<workgroup> weights: array<f32, 1056>; // [32, 33]
var<workgroup> distances: array<i32, 32>; // of entry 0; −1 or less: nothing is seen
var<workgroup> row_maximum: array<f32, 32>;
var<workgroup> row_sum: array<f32, 32>;
var<workgroup> row_factor: array<f32, 32>;
var<workgroup> furthest: i32;
${loader('query_quad', queries, 'queries', lanes)}
${loader('key_quad', keys, 'keys', lanes)}
${loader('value_quad', values, 'values', lanes)}`,
    main: (names) => tileMain(names, lanes, chunks, slopeVectors > 0),
  });
});

/** A function that loads channels 4q … of the row that begins at number `row · C`, zeros beyond the head. */
function loader(name: string, array: string | undefined, binding: string, lanes: 1 | 4): string {
  const at = `params.${binding}_at`;
  return lanes === 4
    ? `fn ${name}(row: u32, q: u32) -> vec4<f32> {
  if (q * 4u >= params.head_dim) { return vec4<f32>(0.0); }
  return ${array}[${at} + row * (params.head_dim / 4u) + q];
}`
    : `fn ${name}(row: u32, q: u32) -> vec4<f32> {
  var quad = vec4<f32>(0.0);
  for (var i = 0u; i < 4u; i++) {
    if (q * 4u + i < params.head_dim) { quad[i] = ${array}[${at} + row * params.head_dim + q * 4u + i]; }
  }
  return quad;
}`;
}

function tileMain(names: Readonly<Record<string, string>>, lanes: 1 | 4, chunks: number, sloped: boolean): string {
  const { positions, slopes, out, maxima, sums } = names;
  return `
  let h = group.y;
  let g = h / (params.heads / params.kv_heads);
  let first_query = group.x * 32u;
  let quads = (params.head_dim + 3u) / 4u;
  let tx = lane % 8u;
  let ty = lane / 8u;
  if (lane < 32u) {
    let t = first_query + lane;
    var distance = -1;
    var before = vec2<f32>(${lowestFloat}, 0.0);
    if (t < params.queries) {
      distance = ${positions}[params.positions_at + t] - params.first_position;
      if (params.accumulates != 0u) {
        let row = t * params.heads + h;
        before = vec2<f32>(${maxima}[params.maxima_at + row], ${sums}[params.sums_at + row]);
      }
    }
    distances[lane] = distance;
    row_maximum[lane] = before.x;
    row_sum[lane] = before.y;
  }
  workgroupBarrier();
  if (lane == 0u) {
    furthest = -1;
    for (var i = 0u; i < 32u; i++) { furthest = max(furthest, distances[i]); }
  }
  let end = min(params.entries, u32(workgroupUniformLoad(&furthest) + 1));

  var totals = array<vec4<f32>, ${4 * chunks}>();
  if (params.accumulates != 0u) {
    for (var m = 0u; m < ${chunks}u; m++) {
      for (var i = 0u; i < 4u; i++) {
        let t = first_query + ty * 4u + i;
        let q = m * 8u + tx;
        if (t < params.queries && q < quads && row_sum[ty * 4u + i] > 0.0) {
          ${readOut(out, lanes)}
        }
      }
    }
  }
  for (var start = 0u; start < end; start += 32u) {
    // With its zeros written out: not every device makes them anew in each round of a loop.
    var products = array<vec4<f32>, 4>();
    for (var chunk = 0u; chunk < quads; chunk += 4u) {
      for (var l = lane; l < 128u; l += 64u) {
        let q = chunk + l % 4u;
        let t = min(first_query + l / 4u, params.queries - 1u);
        let entry = min(start + l / 4u, params.entries - 1u);
        left[l] = query_quad(t * params.heads + h, q);
        right[l] = key_quad(entry * params.kv_heads + g, q);
      }
      workgroupBarrier();
      for (var q = 0u; q < 4u; q++) {
        let k0 = right[tx * 4u + q];
        let k1 = right[(tx + 8u) * 4u + q];
        let k2 = right[(tx + 16u) * 4u + q];
        let k3 = right[(tx + 24u) * 4u + q];
        for (var i = 0u; i < 4u; i++) {
          let query = left[(ty * 4u + i) * 4u + q];
          products[i] += vec4<f32>(dot(query, k0), dot(query, k1), dot(query, k2), dot(query, k3));
        }
      }
      workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
      for (var j = 0u; j < 4u; j++) {
        let row = ty * 4u + i;
        let entry = tx + 8u * j;
        let score = products[i][j] * params.scale;
        weights[row * 33u + entry] = score${sloped ? ` - ${slopes}[h >> 2u][h & 3u] * f32(distances[row] - i32(start + entry))` : ''};
      }
    }
    workgroupBarrier();
    if (lane < 32u) {
      let seen = u32(clamp(min(distances[lane] + 1, i32(params.entries)) - i32(start), 0, 32));
      let before = row_maximum[lane];
      var maximum = before;
      for (var e = 0u; e < seen; e++) { maximum = max(maximum, weights[lane * 33u + e]); }
      var sum = 0.0;
      for (var e = 0u; e < 32u; e++) {
        var weight = 0.0;
        if (e < seen) { weight = exp(weights[lane * 33u + e] - maximum); }
        weights[lane * 33u + e] = weight;
        sum += weight;
      }
      let factor = exp(before - maximum);
      row_maximum[lane] = maximum;
      row_sum[lane] = row_sum[lane] * factor + sum;
      row_factor[lane] = factor;
    }
    workgroupBarrier();
    for (var m = 0u; m < ${chunks}u; m++) {
      for (var l = lane; l < 256u; l += 64u) {
        let entry = min(start + l / 8u, params.entries - 1u);
        right[l] = value_quad(entry * params.kv_heads + g, m * 8u + l % 8u);
      }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i++) {
        let row = ty * 4u + i;
        var total = totals[m * 4u + i] * row_factor[row];
        for (var e = 0u; e < 32u; e++) { total += weights[row * 33u + e] * right[e * 8u + tx]; }
        totals[m * 4u + i] = total;
      }
      workgroupBarrier();
    }
  }
  for (var m = 0u; m < ${chunks}u; m++) {
    for (var i = 0u; i < 4u; i++) {
      let t = first_query + ty * 4u + i;
      let q = m * 8u + tx;
      if (t < params.queries && q < quads) {
        var factor = 0.0;
        if (row_sum[ty * 4u + i] > 0.0) { factor = 1.0 / row_sum[ty * 4u + i]; }
        let total = totals[m * 4u + i] * factor;
        ${writeOut(out, lanes)}
      }
    }
  }
  if (lane < 32u && first_query + lane < params.queries) {
    let row = (first_query + lane) * params.heads + h;
    ${maxima}[params.maxima_at + row] = row_maximum[lane];
    ${sums}[params.sums_at + row] = row_sum[lane];
  }`;
}

function readOut(out: string | undefined, lanes: 1 | 4): string {
  return lanes === 4
    ? `totals[m * 4u + i] = ${out}[params.out_at + (t * params.heads + h) * quads + q] * row_sum[ty * 4u + i];`
    : `for (var c = q * 4u; c < min(q * 4u + 4u, params.head_dim); c++) {
            totals[m * 4u + i][c % 4u] = ${out}[params.out_at + (t * params.heads + h) * params.head_dim + c] * row_sum[ty * 4u + i];
          }`;
}

function writeOut(out: string | undefined, lanes: 1 | 4): string {
  return lanes === 4
    ? `${out}[params.out_at + (t * params.heads + h) * quads + q] = total;`
    : `for (var c = q * 4u; c < min(q * 4u + 4u, params.head_dim); c++) {
          ${out}[params.out_at + (t * params.heads + h) * params.head_dim + c] = total[c % 4u];
        }`;
}

/**
 * Loads and stores of tiles: each of `reads` is so many arrays, read once for every tile of `over` rows, of so many rows of
 * `width` numbers.
 */
function tileTraffic(
  lanes: number,
  width: number,
  ...reads: readonly (readonly [arrays: number, over: number, rows: number])[]
): Traffic {
  const numbers = reads.reduce(
    (sum, [arrays, over, rows]) => sum + arrays * Math.ceil(over / tileQueries) * rows * width,
    0,
  );
  return { accesses: numbers / lanes, bytes: 4 * numbers };
}

export interface TileArguments
  extends Pick<AttendArguments, 'queries' | 'positions' | 'slopes' | 'scale' | 'accumulate' | 'out' | 'max' | 'sum'> {
  /** f32 [n, G, C], keys rotated. */
  readonly keys: TensorView;
  /** f32 [n, G, C] */
  readonly values: TensorView;
  /** Of entry 0. */
  readonly firstPosition: number;
}

/** Folds dense entries into the state; without `accumulate` the state begins with them. */
export function attendTiles(runner: KernelRunner, args: TileArguments): void {
  const { queries, positions, keys, values, firstPosition, slopes, scale, accumulate, out, max, sum } = args;
  const [count, heads, headDim] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = keys.shape as readonly [number, number, number];
  // One binding serves results in one buffer, of one kind of element then.
  const [place, ...others] = [out, max, sum].map((view) => runner.locate(view).allocation);
  const apart = others.every((allocation) => allocation !== place);
  const lanes = apart && canUseVectors(runner, headDim, queries, keys, values, out) ? 4 : 1;
  const chunks = 2 ** Math.ceil(Math.log2(Math.ceil(headDim / 32)));
  runner.run(kernels(lanes, chunks, slopeVectorsOf(slopes)), {
    bindings: { queries, positions, keys, values, out, maxima: max, sums: sum, ...(slopes !== null && { slopes }) },
    params: {
      queries: count,
      entries,
      heads,
      kv_heads: kvHeads,
      head_dim: headDim,
      first_position: firstPosition,
      scale,
      accumulates: accumulate ? 1 : 0,
    },
    workgroups: [Math.ceil(count / tileQueries), heads],
    flops: 4 * count * heads * entries * headDim,
    traffic: tileTraffic(lanes, heads * headDim, [2, count, entries], [1, entries, count], [2, 1, count]),
  });
}

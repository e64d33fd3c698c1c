/**
 * Scores of a block of entries: scores[t·H + h, i] = scale · q·k_i − slope_h · distance, k_i made on the fly of the rows
 * in reach and rotated. Linear in the rows: where they lie in more windows than a dispatch binds, several dispatches
 * add up. Entries that a query does not see are left unwritten.
 *
 * The R rows of queries that share a key head share each key. Barrier-free (software): an invocation to an entry.
 * Together (real GPUs): 8 neighbouring invocations to an entry, so that they read 128 neighbouring bytes, 4 entries
 * each before the partial products meet in workgroup memory. Memory-bound for few queries: w·G·C numbers per entry are
 * read once, 4·R bytes written per key head.
 */

import type { TensorView } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily, variantOf } from '../../execution/kernel.ts';
import { elementsOf } from '../wgsl/elements.ts';
import { type RowShape, readNumbers, rowBindings, rowParams, rowReading } from './row-reading.ts';

/** Positions bound as a uniform: queries of one dispatch at most. */
export const mostQueries = 64;

/** Positions of queries, a uniform of 256 bytes. */
export const positionsBinding: BindingDefinition = { access: 'uniform', element: 'vec4<i32>', count: mostQueries / 4 };

/** Entries of a workgroup of either variant. */
export const scoreEntries = { alone: 64, together: 32 } as const;

/** Lanes to an entry, and entries of each group of lanes, in the variant `together`. */
const lanesPerEntry = 8;
const entriesPerLane = 4;
const togetherSize = 64;

export type ScoreShape = RowShape & {
  readonly together: boolean;
  /** R: rows of queries that share a key. */
  readonly rows: number;
  readonly rotated: boolean;
  /** Slopes bound, as vectors of 4; 0 for none. */
  readonly slopeVectors: number;
};

export const scoresKernel = kernelFamily((shape: ScoreShape) => {
  const { together, rows, rotated, slopeVectors, lanes } = shape;
  const { type } = elementsOf(lanes === 4);
  const bindings: Record<string, BindingDefinition> = {
    queries: { access: 'read', element: type },
    positions: positionsBinding,
    ...(slopeVectors > 0 && { slopes: { access: 'uniform', element: 'vec4<f32>', count: slopeVectors } }),
    ...(rotated && { angles: { access: 'read', element: lanes === 4 ? 'vec4<f32>' : 'vec2<f32>' } }),
    ...rowBindings(shape),
    scores: { access: 'write', element: 'f32' },
  };
  return defineKernel<string, string>({
    name: 'attend-scores',
    variant: variantOf(shape),
    params: {
      ...rowParams,
      entry: 'u32', // of the block, that the dispatch begins with
      count: 'u32',
      stride: 'u32', // numbers per row of scores
      query_rows: 'u32', // T · H/G
      heads: 'u32',
      group: 'u32', // H/G
      first_position: 'i32', // of the block's entry 0
      scale: 'f32',
      adds: 'u32',
    },
    bindings,
    workgroupSize: [togetherSize, 1, 1],
    declarations: (names) => `
${rowReading(shape, names)}
${productOf(shape)}
${finish(shape, names)}
${together ? `var<workgroup> partial: array<f32, ${togetherSize * entriesPerLane * rows}>;` : ''}`,
    main: (names) => (together ? togetherMain(shape, names) : aloneMain(shape, names)),
  });
});

/** Vectors of a uniform for H slopes. */
export const slopeVectorsOf = (slopes: TensorView | null): number =>
  slopes === null ? 0 : 16 * Math.ceil((slopes.shape[0] as number) / 64);

function productOf({ lanes }: ScoreShape): string {
  return lanes === 4
    ? 'fn product(a: vec4<f32>, b: vec4<f32>) -> f32 { return dot(a, b); }'
    : 'fn product(a: f32, b: f32) -> f32 { return a * b; }';
}

/** Row r of a group of queries: query t = r / group of head g · group + r % group. */
function finish({ slopeVectors }: ScoreShape, { positions, slopes, scores }: Readonly<Record<string, string>>): string {
  return `
fn queryOf(r: u32) -> u32 { return r / params.group; }
fn headOf(r: u32, g: u32) -> u32 { return g * params.group + r % params.group; }
fn distanceOf(r: u32, entry: u32) -> i32 {
  let t = queryOf(r);
  return ${positions}[t >> 2u][t & 3u] - params.first_position - i32(entry);
}
fn finish(r: u32, g: u32, entry: u32, product: f32) {
  let distance = distanceOf(r, entry);
  if (r >= params.query_rows || distance < 0) { return; }
  let h = headOf(r, g);
  let at = params.scores_at + (queryOf(r) * params.heads + h) * params.stride + entry;
  let score = product * params.scale;
  if (params.adds == 0u) {
    ${scores}[at] = score${slopeVectors > 0 ? ` - ${slopes}[h >> 2u][h & 3u] * f32(distance)` : ''};
  } else {
    ${scores}[at] += score;
  }
}`;
}

const times = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join('\n');

/** Statements: where the R queries begin. */
function queryStarts({ rows }: ScoreShape): string {
  return times(rows, (r) => {
    const row = `min(r0 + ${r}u, params.query_rows - 1u)`;
    return `  let query${r} = params.queries_at + (queryOf(${row}) * params.heads + headOf(${row}, g)) * params.head_size;`;
  });
}

/** Adds the products of the key's elements c, first to last by `step`, to product0 … of the R queries. */
function products(shape: ScoreShape, names: Readonly<Record<string, string>>, first: string, step: number): string {
  const { rows, rotated, lanes } = shape;
  const { queries, angles } = names;
  if (!rotated) {
    return `for (var c = ${first}; c < params.head_size; c += ${step}u) {
      ${readNumbers(shape, 'key', 'c')}
${times(rows, (r) => `      product${r} += product(${queries}[query${r} + c], key);`)}
    }`;
  }
  const cosAndSin =
    lanes === 4
      ? `let a = ${angles}[turn + 2u * c];
      let b = ${angles}[turn + 2u * c + 1u];
      let cosine = vec4<f32>(a.xz, b.xz);
      let sine = vec4<f32>(a.yw, b.yw);`
      : `let a = ${angles}[turn + c];
      let cosine = a.x;
      let sine = a.y;`;
  return `let half_size = params.head_size / 2u;
    let turn = params.angles_at + entry * ${lanes === 4 ? 'params.head_size' : 'half_size'};
    for (var c = ${first}; c < half_size; c += ${step}u) {
      ${cosAndSin}
      ${readPair(shape)}
      let key_low = low * cosine - high * sine;
      let key_high = high * cosine + low * sine;
${times(
  rows,
  (r) => `      product${r} += product(${queries}[query${r} + c], key_low);
      product${r} += product(${queries}[query${r} + half_size + c], key_high);`,
)}
    }`;
}

/** The elements c and half_size + c of the key, not rotated. */
function readPair(shape: ScoreShape): string {
  const { window, lanes } = shape;
  if (window === 1) return `${readNumbers(shape, 'low', 'c')}\n      ${readNumbers(shape, 'high', 'half_size + c')}`;
  const { type } = elementsOf(lanes === 4);
  return `var low = ${type}(0.0);
      var high = ${type}(0.0);
      for (var offset = 0u; offset < ${window}u; offset++) {
        low += rowNumbers(places[offset], c);
        high += rowNumbers(places[offset], half_size + c);
      }`;
}

const placesOf = ({ window }: ScoreShape): string =>
  window === 1 ? 'let places = placesOf(entry, g);' : 'var places = placesOf(entry, g);';

function aloneMain(shape: ScoreShape, names: Readonly<Record<string, string>>): string {
  const { rows } = shape;
  return `
  if (global.x >= params.count) { return; }
  let entry = params.entry + global.x;
  let g = group.y;
  let r0 = group.z * ${rows}u;
  var seen = false;
  for (var r = r0; r < min(r0 + ${rows}u, params.query_rows); r++) { seen = seen || distanceOf(r, entry) >= 0; }
  if (!seen) { return; }
  ${placesOf(shape)}
${queryStarts(shape)}
${times(rows, (r) => `  var product${r} = 0.0;`)}
  ${products(shape, names, '0u', 1)}
  let scale = scaleAt(entry);
  let all = array<f32, ${rows}>(${Array.from({ length: rows }, (_, r) => `product${r}`).join(', ')});
  for (var r = 0u; r < ${rows}u; r++) { finish(r0 + r, g, entry, all[r] * scale); }`;
}

function togetherMain(shape: ScoreShape, names: Readonly<Record<string, string>>): string {
  const { rows } = shape;
  const perLane = entriesPerLane * rows;
  return `
  let part = lane % ${lanesPerEntry}u;
  let member = lane / ${lanesPerEntry}u;
  let g = group.y;
  let r0 = group.z * ${rows}u;
  let first = group.x * ${scoreEntries.together}u;
${queryStarts(shape)}
  for (var e = 0u; e < ${entriesPerLane}u; e++) {
    let entry = params.entry + min(first + member * ${entriesPerLane}u + e, params.count - 1u);
    ${placesOf(shape)}
${times(rows, (r) => `    var product${r} = 0.0;`)}
    ${products(shape, names, 'part', lanesPerEntry)}
${times(rows, (r) => `    partial[(e * ${rows}u + ${r}u) * ${togetherSize}u + lane] = product${r};`)}
  }
  workgroupBarrier();
  // Each result is the sum of ${lanesPerEntry} neighbours; ${(togetherSize / lanesPerEntry) * perLane} results.
  for (var result = lane; result < ${(togetherSize / lanesPerEntry) * perLane}u; result += ${togetherSize}u) {
    let at = (result / ${togetherSize / lanesPerEntry}u) * ${togetherSize}u + (result % ${togetherSize / lanesPerEntry}u) * ${lanesPerEntry}u;
    var total = 0.0;
    for (var i = 0u; i < ${lanesPerEntry}u; i++) { total += partial[at + i]; }
    let slot = result / ${togetherSize / lanesPerEntry}u;
    let local_entry = first + (result % ${togetherSize / lanesPerEntry}u) * ${entriesPerLane}u + slot / ${rows}u;
    if (local_entry < params.count) {
      let entry = params.entry + local_entry;
      finish(r0 + slot % ${rows}u, g, entry, total * scaleAt(entry));
    }
  }`;
}

/**
 * Products in tiles, for GPUs: a workgroup computes tileRows × tileColumns results. Blocks of 4 × 4 of both operands are
 * read as vectors, unpacked to f32, turned where `inner` is contiguous, and put into workgroup memory 16 inner indices at
 * a time; each invocation then adds outer products in registers (rows × 4 results). Any sizes: what lies beyond an edge
 * counts as 0. With `splits` the inner axis is shared out over workgroups, whose sums add-splits.ts adds up.
 *
 * Per multiplication and addition, of a 128 × 64 tile: (1/64 + 1/128) elements read from memory (5.9 × 10⁻³ vector
 * loads), and (1/8 + 1/4) / 4 vector loads of workgroup memory (8 × 4 results per invocation). Bytes read: columns / 64
 * times `a` and rows / 128 times `b`; least possible: once each. Intensity of a tile 128 · 64 / (2 (128 + 64)) = 21 FLOP
 * a byte before caches.
 *
 * Workgroup memory is in vectors along rows (columns), a line of them per inner index, with one vector to spare, so that
 * turned blocks are stored with two to a bank at most. Only whole vectors are stored: component stores may touch a whole
 * vector, which neighbours would race for. Not used by devices that play GPU: barriers cost them 3-20 ×.
 */

import { type BindingDefinition, defineKernel, kernelFamily } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { runInSplits, splitParams } from './add-splits.ts';
import { costOf, each, outTakesVectors, paramsOf, partParams, resultStores, viewsOf } from './matmul-kernel.ts';
import { operandBinding, operandLoads, type Storage, storageOf } from './operand-loads.ts';
import type { Part } from './parts.ts';

/** Inner indices in workgroup memory at a time. */
const depth = 16;

export interface Tile {
  readonly rows: number;
  readonly columns: number;
  /** Rows of an invocation's results: a multiple of 4; its columns are 4. */
  readonly each: 4 | 8;
}

export function invocationsOf(tile: Tile): number {
  return (tile.rows / tile.each) * (tile.columns / 4);
}

/** Bytes of workgroup memory. */
export function workgroupBytesOf({ rows, columns }: Tile): number {
  return depth * (rows / 4 + 1 + columns / 4 + 1) * 16;
}

const tiled = kernelFamily(
  (
    tileRows: number,
    tileColumns: number,
    eachRows: number,
    aAlongInner: boolean,
    aStorage: Storage,
    bAlongInner: boolean,
    bStorage: Storage,
    outVectors: boolean,
  ) => {
    const across = tileColumns / 4;
    const down = tileRows / eachRows;
    const size = across * down;
    const lineA = tileRows / 4 + 1;
    const lineB = tileColumns / 4 + 1;
    const scaled = bStorage === 'i8x4';
    const quads = eachRows / 4;
    const parts = ['x', 'y', 'z', 'w'];
    // Block i of an operand, from memory to workgroup memory.
    const block = (name: 'a' | 'b', alongInner: boolean, extent: number, count: string, line: number) =>
      alongInner
        ? `
fn load_${name}(i: u32, base: u32, first: u32, depth_first: u32, depth_end: u32, scales: u32) {
  let q = i / ${depth / 4}u;
  let d = (i % ${depth / 4}u) * 4u;
  let outer = first + q * 4u;
  let k = depth_first + d;
  let n = min(depth_end - min(k, depth_end), 4u);
  ${each(4, (j) => `let v${j} = ${name}4within(base + (outer + ${j}u) * params.${name}_step + k, select(0u, n, outer + ${j}u < ${count}))${name === 'b' && scaled ? ` * scale_of(scales, outer + ${j}u, k)` : ''};`)}
  ${each(4, (j) => `tile_${name}[(d + ${j}u) * ${line}u + q] = vec4<f32>(v0.${parts[j]}, v1.${parts[j]}, v2.${parts[j]}, v3.${parts[j]});`)}
}`
        : `
fn load_${name}(i: u32, base: u32, first: u32, depth_first: u32, depth_end: u32, scales: u32) {
  let q = i % ${extent / 4}u;
  let d = (i / ${extent / 4}u) * 4u;
  let outer = first + q * 4u;
  let k = depth_first + d;
  let n = min(${count} - min(outer, ${count}), 4u);
  ${each(4, (j) => `tile_${name}[(d + ${j}u) * ${line}u + q] = ${name}4within(base + (k + ${j}u) * params.${name}_step + outer, select(0u, n, k + ${j}u < depth_end));`)}
}`;
    const blocksA = (tileRows / 4) * (depth / 4);
    const blocks = blocksA + (tileColumns / 4) * (depth / 4);
    const bindings: Record<string, BindingDefinition> = {
      a: operandBinding(aStorage),
      b: operandBinding(bStorage),
      ...(scaled && { scales: { access: 'read', element: 'f32' } }),
      out: { access: 'write', element: outVectors ? 'vec4<f32>' : 'f32' },
    };
    return defineKernel({
      name: 'matmul',
      variant: `tiled ${[tileRows, tileColumns, eachRows, aAlongInner, aStorage, bAlongInner, bStorage, outVectors].join()}`,
      params: { ...partParams, ...splitParams },
      bindings,
      workgroupSize: [size, 1, 1],
      declarations: ({ a = '', b = '', scales = '', out = '' }) => `
var<workgroup> tile_a: array<vec4<f32>, ${depth * lineA}>;
var<workgroup> tile_b: array<vec4<f32>, ${depth * lineB}>;
${operandLoads('a', a, aStorage)}
${operandLoads('b', b, bStorage)}
${
  scaled
    ? `fn scale_of(first: u32, column: u32, k: u32) -> f32 {
  return ${scales}[params.scales_at + first + min(column, params.columns - 1u) * params.scales_step + (min(k, params.inner - 1u) + params.block_start) / params.block_length];
}`
    : ''
}
${block('a', aAlongInner, tileRows, 'params.rows', lineA)}
${block('b', bAlongInner, tileColumns, 'params.columns', lineB)}
${resultStores(out, outVectors)}`,
      main: () => `
  let batch = group.z % params.batch;
  let part = group.z / params.batch;
  let first_row = group.y * ${tileRows}u;
  let first_column = group.x * ${tileColumns}u;
  let a_base = batch * params.a_batch;
  let b_base = batch * params.b_batch;
  let q_base = batch * params.scales_batch;
  let depth_end = min((part + 1u) * params.split_length, params.inner);
  let x = lane % ${across}u;
  let y = lane / ${across}u;
  ${each(eachRows, (r) => `var s${r} = vec4<f32>();`)}
  for (var k = part * params.split_length; k < depth_end; k += ${depth}u) {
    for (var i = lane; i < ${blocks}u; i += ${size}u) {
      if (i < ${blocksA}u) {
        load_a(i, a_base, first_row, k, depth_end, 0u);
      } else {
        load_b(i - ${blocksA}u, b_base, first_column, k, depth_end, q_base);
      }
    }
    workgroupBarrier();
    for (var d = 0u; d < ${depth}u; d += 1u) {
      let v = tile_b[d * ${lineB}u + x];
      ${each(quads, (q) => `let u${q} = tile_a[d * ${lineA}u + y + ${q * down}u];`)}
      ${each(eachRows, (r) => `s${r} += u${Math.floor(r / 4)}.${parts[r % 4]} * v;`)}
    }
    workgroupBarrier();
  }
  let column = first_column + x * 4u;
  if (column >= params.columns) { return; }
  let n = params.columns - column;
  let o = group.z * params.out_batch + column;
  ${each(eachRows, (r) => `{ let row = first_row + (y + ${Math.floor(r / 4) * down}u) * 4u + ${r % 4}u; if (row < params.rows) { put4(o + row * params.out_step, n, s${r}); } }`)}`,
    });
  },
);

export function runTiled(runner: KernelRunner, part: Part, tile: Tile, splits: number): void {
  const { a, b } = part;
  const aStorage = storageOf(runner, a, part, false);
  const bStorage = storageOf(runner, b, part, false);
  const tiles = [Math.ceil(part.columns / tile.columns), Math.ceil(part.rows / tile.rows)] as const;
  runInSplits(runner, part, splits, depth, (split, splitting) => {
    const vectors = outTakesVectors(runner, split);
    runner.run(tiled(tile.rows, tile.columns, tile.each, a.alongInner, aStorage, b.alongInner, bStorage, vectors), {
      bindings: viewsOf(split),
      params: { ...paramsOf(split), ...splitting.params },
      workgroups: [...tiles, splitting.matrices],
      ...costOf(split, [tiles[0], aStorage], [tiles[1], bStorage], vectors),
    });
  });
}

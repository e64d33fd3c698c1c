/**
 * What the kernels of attendBackward share: their parameters and bindings. backward-access.wgsl.ts has the functions.
 *
 * Numbers of a query and head come as one record of `rows`, [t, H] × (log-sum-exp, delta, slope, position), bits as u32,
 * with delta = Σ out · gradOut. A query beyond the last, an entry beyond the last and a channel beyond the last read as 0.
 */

import type { ElementType } from '../../execution/kernel.ts';

/** Of a block of t queries and n entries: entry i stands at first_position + i. `vectors`: ceil(C / 4). */
export const backwardParams = {
  queries: 'u32',
  entries: 'u32',
  heads: 'u32',
  kv_heads: 'u32',
  channels: 'u32',
  vectors: 'u32',
  first_position: 'i32',
  scale: 'f32',
  /** 1: gradQueries is added to. */
  added: 'u32',
} as const;

export type BackwardParams = Readonly<Record<keyof typeof backwardParams, number>>;

/** Elements that heads are read and written as: vectors where C is a multiple of 4 and all views are aligned. */
export function headElement(aligned: boolean): Extract<ElementType, 'f32' | 'vec4<f32>'> {
  return aligned ? 'vec4<f32>' : 'f32';
}

/** Of backward-tiles.ts: queries, and entries, of a tile; and invocations of its workgroup. */
export const tileSize = 32;
export const invocations = 128;
/** Vectors of a row in workgroup memory while sums are made; each invocation adds to a quarter of them. */
export const wide = 16;

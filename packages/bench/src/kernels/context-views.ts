/**
 * Contexts of one layer as kernels see them, made of random rows: a KV cache, or tables whose slots are numbered by first
 * sight of a text's ids, so that rows are read as often and as near each other as in that text. No model is needed.
 */

import { type Backend, type ContextView, Tensor } from '@inattention/core';
import { alibiSlopes, contextPageLength, createRopeAngles, rowPageSlots } from '@inattention/core/math';
import { Random } from '@inattention/model';
import type { ReferenceAttention } from './reference.ts';

export interface ContextSizes {
  readonly heads: number;
  readonly headDim: number;
}

export type TablePositions = 'rope' | 'alibi' | 'none';

/** A view on a backend, what it says entry by entry, and what belongs with it. */
export interface MadeContext {
  readonly view: ContextView;
  /** Writes key (rotated) and value of a position in a head. */
  readonly read: ReferenceAttention['read'];
  /** [H], or null. */
  readonly slopes: readonly number[] | null;
  /** Bytes attention has to read: keys and values once each; a table's slots and scales too. */
  readonly bytes: number;
  dispose(): void;
}

const ropeTheta = 10_000;

/** A KV cache of `length` positions: keys and values of every one. */
export function makeKv(backend: Backend, { heads, headDim }: ContextSizes, length: number): MadeContext {
  const width = heads * headDim;
  const rows = randomRows(backend, length, contextPageLength, [heads, headDim], 1);
  const view: ContextView = {
    ...{ length, firstPosition: 0, kvHeads: heads, headDim, window: 1 },
    ...{ rows: rows.paged, pageLength: contextPageLength },
    ...{ index: null, scale: null, positionRows: null, rope: null },
  };
  const read: ReferenceAttention['read'] = (position, head, key, value) => {
    const start = position * width + head * headDim;
    key.set(rows.keys.subarray(start, start + headDim));
    value.set(rows.values.subarray(start, start + headDim));
  };
  return { view, read, slopes: null, bytes: 8 * width * length, dispose: rows.dispose };
}

/** A table of the ids of a text, `window` rows a slot. */
export function makeTable(
  backend: Backend,
  { heads, headDim }: ContextSizes,
  ids: Int32Array,
  window: number,
  positions: TablePositions,
): MadeContext {
  const width = heads * headDim;
  const { slots, distinct } = slotsOf(ids);
  const rows = randomRows(backend, distinct, rowPageSlots, [heads, headDim], window);
  const random = Random.seeded(2);
  const scales = Float32Array.from(ids, () => 0.6 + 0.8 * random.uniform());
  const index = pagesOf(backend, slots);
  const scale = pagesOf(backend, scales);
  const angles = positions === 'rope' ? createRopeAngles(backend, headDim, ropeTheta) : null;
  const view: ContextView = {
    ...{ length: ids.length, firstPosition: 0, kvHeads: heads, headDim, window },
    ...{ rows: rows.paged, pageLength: contextPageLength, index, scale },
    ...{ positionRows: null, rope: angles },
  };
  const sumRows = (from: Float32Array, position: number, head: number, into: Float64Array): void => {
    into.fill(0);
    for (let back = 0; back < window && back <= position; back += 1) {
      const start = ((slots[position - back] as number) * window + back) * width + head * headDim;
      for (let c = 0; c < headDim; c += 1) into[c] = (into[c] as number) + (from[start + c] as number);
    }
    for (let c = 0; c < headDim; c += 1) into[c] = (into[c] as number) * (scales[position] as number);
  };
  return {
    view,
    read(position, head, key, value) {
      sumRows(rows.keys, position, head, key);
      sumRows(rows.values, position, head, value);
      if (angles !== null) rotate(key, position);
    },
    slopes: positions === 'alibi' ? alibiSlopes(heads) : null,
    bytes: 8 * width * window * distinct + 8 * ids.length,
    dispose() {
      rows.dispose();
      for (const page of [...index, ...scale]) page.dispose();
      angles?.dispose();
    },
  };
}

/** Rotates pairs (c, c + C/2) of a key by its position's angles, in place. */
function rotate(key: Float64Array, position: number): void {
  const half = key.length / 2;
  for (let pair = 0; pair < half; pair += 1) {
    const angle = position * ropeTheta ** (-pair / half);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [first, second] = [key[pair] as number, key[pair + half] as number];
    key[pair] = first * cos - second * sin;
    key[pair + half] = second * cos + first * sin;
  }
}

/** Slots of ids in the order they are first seen, as a table gives them. */
function slotsOf(ids: Int32Array): { readonly slots: Int32Array; readonly distinct: number } {
  const seen = new Map<number, number>();
  const slots = ids.map((id) => {
    const slot = seen.get(id) ?? seen.size;
    seen.set(id, slot);
    return slot;
  });
  return { slots, distinct: seen.size };
}

/** Keys and values [slots · window, H, C], normal numbers, in pages of `pageSlots` slots. */
function randomRows(backend: Backend, slots: number, pageSlots: number, row: readonly number[], window: number) {
  const random = Random.seeded(1);
  const width = row.reduce((product, size) => product * size, 1);
  const normals = () => Float32Array.from({ length: slots * window * width }, () => random.normal());
  const [keys, values] = [normals(), normals()];
  const rowsPerPage = pageSlots * window;
  const upload = (data: Float32Array, first: number): Tensor => {
    const part = data.subarray(first * width, (first + rowsPerPage) * width);
    return Tensor.from(backend, part, [part.length / width, ...row], 'context');
  };
  const pages = Array.from({ length: Math.ceil(slots / pageSlots) }, (_, page) => ({
    keys: upload(keys, page * rowsPerPage),
    values: upload(values, page * rowsPerPage),
  }));
  const dispose = (): void => {
    for (const page of pages) {
      page.keys.dispose();
      page.values.dispose();
    }
  };
  return { keys, values, paged: { pages, rowsPerPage }, dispose };
}

/** Numbers of positions in pages; the last page is as long as the others. */
function pagesOf(backend: Backend, numbers: Int32Array | Float32Array): Tensor[] {
  return Array.from({ length: Math.ceil(numbers.length / contextPageLength) }, (_, page) => {
    const whole =
      numbers instanceof Int32Array ? new Int32Array(contextPageLength) : new Float32Array(contextPageLength);
    whole.set(numbers.subarray(page * contextPageLength, (page + 1) * contextPageLength));
    return Tensor.from(backend, whole, [contextPageLength], 'context');
  });
}

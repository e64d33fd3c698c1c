/**
 * Context views described on the host: random rows, slots, scales and position rows, the dense keys and values that the
 * contract's formula makes of them in float64, and the same view on a device.
 */

import type { ContextView, PagedRows, RopeAngles } from '@inattention/core';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type NdArray, zeros } from '../../reference/nd-array.ts';
import { ropeForward } from '../../reference/rope.ts';
import type { DeviceArrays } from '../device-arrays.ts';
import { storedNumbers } from '../half-numbers.ts';

export interface ViewOptions {
  /** N */
  readonly length: number;
  /** G */
  readonly kvHeads: number;
  /** C */
  readonly headDim: number;
  /** Default 0. */
  readonly firstPosition?: number;
  /** w; default 1. */
  readonly window?: number;
  /** Distinct slots, named by an index; absent: position i is slot i. */
  readonly slots?: number;
  /** A factor per position. */
  readonly scaled?: boolean;
  /** Rows added by position. */
  readonly positionRows?: boolean;
  /** Base of the rotation; absent: keys are stored as they are used. */
  readonly ropeTheta?: number;
  readonly dtype?: 'f32' | 'f16';
  /** Default 256 · w, as core's tables have it. */
  readonly rowsPerPage?: number;
  /** Default 256. */
  readonly pageLength?: number;
}

/** Rows of keys and of values, [R, G, C] each, as stored. */
interface Rows {
  readonly keys: Float64Array;
  readonly values: Float64Array;
}

export interface DescribedView {
  readonly options: ViewOptions;
  readonly rows: Rows;
  /** [N] */
  readonly index: Int32Array | null;
  /** [N] */
  readonly scale: Float64Array | null;
  readonly positionRows: Rows | null;
  /** [N, G, C], rotated: what attention sees. */
  readonly keys: NdArray;
  /** [N, G, C] */
  readonly values: NdArray;
}

export function describeView(options: ViewOptions, seed = 111): DescribedView {
  const random = randomNumbers(seed);
  const { length, kvHeads, headDim, window = 1, slots, scaled = false, dtype = 'f32', ropeTheta } = options;
  const width = kvHeads * headDim;
  const randomRows = (count: number): Rows => ({
    keys: storedNumbers(random.normals(count * width), dtype),
    values: storedNumbers(random.normals(count * width), dtype),
  });
  const rows = randomRows((slots ?? length) * window);
  const index = slots === undefined ? null : Int32Array.from({ length }, () => random.integer(slots));
  const scale = scaled ? Float64Array.from({ length }, () => Math.fround(0.4 + random.uniform())) : null;
  const positionRows = options.positionRows === true ? randomRows(length) : null;
  const parts = { options, rows, index, scale, positionRows };
  const keys = dense(parts, 'keys');
  const positions = Array.from({ length }, (_, i) => (options.firstPosition ?? 0) + i);
  const rotated = ropeTheta === undefined ? keys : ropeForward(keys, positions, ropeTheta);
  return { ...parts, keys: rotated, values: dense(parts, 'values') };
}

/** scale_i · (Σ_{j<w, j≤i} rows[slot(i−j) · w + j] + position row), [N, G, C]. */
function dense(view: Omit<DescribedView, 'keys' | 'values'>, part: keyof Rows): NdArray {
  const { options, rows, index, scale, positionRows } = view;
  const { length, kvHeads, headDim, window = 1 } = options;
  const width = kvHeads * headDim;
  const out = zeros([length, kvHeads, headDim]);
  for (let i = 0; i < length; i += 1) {
    for (let c = 0; c < width; c += 1) {
      let total = positionRows === null ? 0 : positionRows[part][i * width + c];
      for (let j = 0; j < window && j <= i; j += 1) {
        const slot = index === null ? i - j : index[i - j];
        total += rows[part][(slot * window + j) * width + c];
      }
      out.data[i * width + c] = total * (scale === null ? 1 : scale[i]);
    }
  }
  return out;
}

/** The view on a device, every page at the arrays' byte offset. */
export function placeView(arrays: DeviceArrays, view: DescribedView, angles: RopeAngles | null): ContextView {
  const { options, rows, index, scale, positionRows } = view;
  const { length, kvHeads, headDim, firstPosition = 0, window = 1, pageLength = 256 } = options;
  return {
    length,
    firstPosition,
    kvHeads,
    headDim,
    window,
    rows: placeRows(arrays, options, rows, options.rowsPerPage ?? 256 * window),
    pageLength,
    index:
      index === null
        ? null
        : fullPages(index, pageLength, -(2 ** 30)).map((page) => arrays.integers([pageLength], page)),
    scale:
      scale === null ? null : fullPages(scale, pageLength, Number.NaN).map((page) => arrays.floats([pageLength], page)),
    positionRows: positionRows === null ? null : placeRows(arrays, options, positionRows, 256),
    rope: options.ropeTheta === undefined ? null : angles,
  };
}

function placeRows(arrays: DeviceArrays, options: ViewOptions, rows: Rows, rowsPerPage: number): PagedRows {
  const { kvHeads, headDim, dtype = 'f32' } = options;
  const width = kvHeads * headDim;
  const values = pieces(rows.values, rowsPerPage * width);
  const place = (numbers: Float64Array) => arrays.numbers(dtype, [numbers.length / width, kvHeads, headDim], numbers);
  return {
    rowsPerPage,
    pages: pieces(rows.keys, rowsPerPage * width).map((keys, page) => ({
      keys: place(keys),
      values: place(values[page]),
    })),
  };
}

/** Pages of `size` numbers, the last one filled up with what nobody may read. */
function fullPages(data: ArrayLike<number>, size: number, filling: number): number[][] {
  return Array.from({ length: Math.ceil(data.length / size) }, (_, page) =>
    Array.from({ length: size }, (_, i) => data[page * size + i] ?? filling),
  );
}

function pieces(data: Float64Array, size: number): Float64Array[] {
  return Array.from({ length: Math.ceil(data.length / size) }, (_, page) =>
    data.subarray(page * size, (page + 1) * size),
  );
}

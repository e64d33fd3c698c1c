/** Context views of every kind, with what they mean in float64: inputs of the attention tests. */

import type { ContextView, PagedRows, RopeAngles } from '../src/backend/context-view.ts';
import { decodeFloat16, encodeFloat16 } from '../src/tensor/half.ts';
import type { Tensor } from '../src/tensor/tensor.ts';
import type { Device } from './device.ts';
import type { Random } from './random.ts';

export interface ViewKind {
  readonly name: string;
  readonly window: number;
  /** Positions name slots; else position i is slot i. */
  readonly indexed: boolean;
  readonly scaled: boolean;
  /** Rows added by position. */
  readonly positioned: boolean;
  /** Keys stored before rotation. */
  readonly rotated: boolean;
  readonly dtype: 'f32' | 'f16';
  readonly firstPosition: number;
}

const plain = { window: 1, indexed: false, scaled: false, positioned: false, rotated: false, dtype: 'f32' } as const;
const table = { ...plain, window: 3, indexed: true, scaled: true } as const;

export const viewKinds: readonly ViewKind[] = [
  { ...plain, name: 'a KV cache', firstPosition: 0 },
  { ...plain, name: 'a KV cache in f16', dtype: 'f16', firstPosition: 0 },
  { ...plain, name: 'a block of a KV cache', firstPosition: 40 },
  { ...plain, name: 'rows in a window without index', window: 2, firstPosition: 0 },
  { ...plain, name: 'rows in an order of their own', indexed: true, firstPosition: 3 },
  { ...table, name: 'a table', firstPosition: 0 },
  { ...table, name: 'a table, rotated', rotated: true, firstPosition: 0 },
  { ...table, name: 'a table, rotated, in f16', rotated: true, dtype: 'f16', firstPosition: 0 },
  { ...table, name: 'a table with position rows', positioned: true, firstPosition: 0 },
  { ...table, name: 'everything at once', positioned: true, rotated: true, window: 4, firstPosition: 17 },
];

export interface ViewSizes {
  readonly length: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Positions per page of index and scale. */
  readonly pageLength: number;
  readonly rowsPerPage: number;
}

/** Host data of a view; the same for every device it is put on. */
export interface ViewData {
  readonly kind: ViewKind;
  readonly sizes: ViewSizes;
  readonly rows: { readonly keys: Float32Array; readonly values: Float32Array };
  readonly positionRows: { readonly keys: Float32Array; readonly values: Float32Array };
  readonly index: Int32Array;
  readonly scale: Float32Array;
}

const [fineLength, coarseLength, theta] = [16, 640, 100];

export function makeViewData(kind: ViewKind, sizes: ViewSizes, random: Random): ViewData {
  const { length, kvHeads, headDim } = sizes;
  const slots = kind.indexed ? Math.max(2, Math.ceil(length / 2)) : length;
  const stored = (count: number) => {
    const numbers = random.normals(count * kvHeads * headDim);
    return kind.dtype === 'f16' ? decodeFloat16(encodeFloat16(numbers)) : numbers;
  };
  return {
    kind,
    sizes,
    rows: { keys: stored(slots * kind.window), values: stored(slots * kind.window) },
    positionRows: { keys: stored(length), values: stored(length) },
    index: random.integers(length, 0, slots),
    scale: random.normals(length).map((x) => 0.5 + Math.abs(x)),
  };
}

/** Puts a view on a device, in pages; its tensors belong to the scope in progress. */
export function uploadView(device: Device, data: ViewData): ContextView {
  const { kind, sizes } = data;
  const { kvHeads, headDim, pageLength, rowsPerPage } = sizes;
  const floats = kind.dtype === 'f16' ? device.half : device.tensor;
  const pagedRows = ({ keys, values }: ViewData['rows']): PagedRows => {
    const pagesOf = (numbers: Float32Array) =>
      pieces(numbers, rowsPerPage * kvHeads * headDim).map((piece) =>
        floats(piece, [piece.length / (kvHeads * headDim), kvHeads, headDim]),
      );
    const valuePages = pagesOf(values);
    const pages = pagesOf(keys).map((page, number) => ({ keys: page, values: valuePages[number] as Tensor }));
    return { pages, rowsPerPage };
  };
  const paged = (numbers: Int32Array | Float32Array) =>
    pieces(numbers, pageLength).map((piece) => {
      const whole = new (numbers.constructor as typeof Float32Array)(pageLength);
      whole.set(piece); // pages are whole, their tail unused
      return device.operations.upload(whole, [pageLength]);
    });
  return {
    length: sizes.length,
    firstPosition: kind.firstPosition,
    kvHeads,
    headDim,
    window: kind.window,
    rows: pagedRows(data.rows),
    pageLength,
    index: kind.indexed ? paged(data.index) : null,
    scale: kind.scaled ? paged(data.scale) : null,
    positionRows: kind.positioned ? pagedRows(data.positionRows) : null,
    rope: kind.rotated ? makeAngles(device, headDim) : null,
  };
}

/** Keys (rotated) and values [N, G, C] by the formula of context-view.ts. */
export function denseReference({ kind, sizes, rows, positionRows, index, scale }: ViewData) {
  const { length, kvHeads, headDim } = sizes;
  const width = kvHeads * headDim;
  const expand = (part: 'keys' | 'values') => {
    const out = new Float64Array(length * width);
    for (let i = 0; i < length; i += 1) {
      for (let k = 0; k < width; k += 1) {
        let total = kind.positioned ? (positionRows[part][i * width + k] as number) : 0;
        for (let j = 0; j < kind.window && j <= i; j += 1) {
          const slot = kind.indexed ? (index[i - j] as number) : i - j;
          total += rows[part][(slot * kind.window + j) * width + k] as number;
        }
        out[i * width + k] = total * (kind.scaled ? (scale[i] as number) : 1);
      }
    }
    return out;
  };
  const keys = expand('keys');
  return { keys: kind.rotated ? rotate(keys, sizes, kind.firstPosition) : keys, values: expand('values') };
}

function rotate(keys: Float64Array, { kvHeads, headDim }: ViewSizes, firstPosition: number): Float64Array {
  const half = headDim / 2;
  return keys.map((value, at) => {
    const c = at % headDim;
    const position = firstPosition + Math.floor(at / (kvHeads * headDim));
    const angle = position * theta ** (-(c % half) / half);
    const other = keys[c < half ? at + half : at - half] as number;
    return value * Math.cos(angle) + (c < half ? -1 : 1) * other * Math.sin(angle);
  });
}

function makeAngles(device: Device, headDim: number): RopeAngles {
  const half = headDim / 2;
  const angles = (entries: number, step: number) =>
    device.tensor(
      Array.from({ length: entries * headDim }, (_, i) => {
        const angle = Math.floor(i / headDim) * step * theta ** (-Math.floor((i % headDim) / 2) / half);
        return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
      }),
      [entries, half, 2],
    );
  return { fineLength, fine: angles(fineLength, 1), coarse: angles(coarseLength, fineLength) };
}

function pieces<Numbers extends Float32Array | Int32Array>(numbers: Numbers, length: number): Numbers[] {
  return Array.from(
    { length: Math.ceil(numbers.length / length) },
    (_, piece) => numbers.slice(piece * length, (piece + 1) * length) as Numbers,
  );
}

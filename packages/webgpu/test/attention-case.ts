/**
 * For tests of attention: views of random rows, slots, scales and angles on a device, in buffers of their own or packed
 * into one, and attention over them by the contract's formula in float64.
 */

import { type ContextView, decodeFloat16, encodeFloat16, type RopeAngles, type TensorView } from '@inattention/core';
import { numbers } from './compare-numbers.ts';
import type { KernelTrial } from './kernel-trial.ts';

export interface AttentionCase {
  readonly length: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** In the numbering of firstPosition. */
  readonly positions: readonly number[];
  readonly firstPosition?: number;
  readonly window?: number;
  /** Distinct slots; absent: position i is slot i. */
  readonly slots?: number;
  readonly scaled?: boolean;
  readonly rotated?: boolean;
  readonly sloped?: boolean;
  readonly positionRows?: boolean;
  readonly half?: boolean;
  readonly rowsPerPage?: number;
  readonly pageLength?: number;
}

export interface AttentionNumbers {
  /** [T, H, C] */
  readonly out: Float64Array;
  /** [T, H] */
  readonly max: Float64Array;
  /** [T, H] */
  readonly sum: Float64Array;
}

const fineLength = 64;
const lowest = -3.4028234663852886e38;

interface Rows {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** A case's numbers. */
export function describeCase(options: AttentionCase) {
  const { length, heads, kvHeads, headDim, positions, window = 1, slots = length, half = false } = options;
  const width = kvHeads * headDim;
  const stored = (count: number, seed: number): Float32Array => {
    const data = numbers(count * width, seed);
    return half ? decodeFloat16(encodeFloat16(data)) : data;
  };
  const rows = { keys: stored(slots * window, 2), values: stored(slots * window, 3) };
  const positionRows = options.positionRows === true ? { keys: stored(length, 4), values: stored(length, 5) } : null;
  const index =
    options.slots === undefined
      ? null
      : Int32Array.from(numbers(length, 6), (x) => Math.floor(Math.abs(x) * 997) % slots);
  const scale = options.scaled === true ? numbers(length, 7).map((x) => 1 + x / 4) : null;
  const slopes = options.sloped === true ? Float32Array.from({ length: heads }, (_, h) => 2 ** (-h - 1)) : null;
  // Large enough that a few entries weigh most: a wrong kernel shows.
  const queries = numbers(positions.length * heads * headDim, 8, 2);
  return { options, rows, positionRows, index, scale, slopes, queries };
}

export type DescribedCase = ReturnType<typeof describeCase>;

/** Keys (rotated) or values of an entry, [G·C]. */
function entryOf({ options, rows, positionRows, index, scale }: DescribedCase, part: keyof Rows, i: number) {
  const { kvHeads, headDim, window = 1, firstPosition = 0 } = options;
  const width = kvHeads * headDim;
  const row = new Float64Array(width);
  for (let c = 0; c < width; c += 1) {
    let total = positionRows === null ? 0 : (positionRows[part][i * width + c] as number);
    for (let j = 0; j < window && j <= i; j += 1) {
      const slot = index === null ? i - j : (index[i - j] as number);
      total += rows[part][(slot * window + j) * width + c] as number;
    }
    row[c] = total * (scale === null ? 1 : (scale[i] as number));
  }
  if (part === 'values' || options.rotated !== true) return row;
  const out = row.slice();
  for (let at = 0; at < width; at += 1) {
    const c = at % headDim;
    const pairs = headDim / 2;
    if (c >= pairs) continue;
    const angle = angleOf(firstPosition + i, c, headDim);
    const [low, high] = [row[at] as number, row[at + pairs] as number];
    out[at] = low * Math.cos(angle) - high * Math.sin(angle);
    out[at + pairs] = high * Math.cos(angle) + low * Math.sin(angle);
  }
  return out;
}

const angleOf = (position: number, pair: number, headDim: number): number =>
  position * 10_000 ** ((-2 * pair) / headDim);

/** Attention over entries [from, to), and the weights [T, H, to − from]. */
export function referenceAttention(
  described: DescribedCase,
  from = 0,
  to = described.options.length,
): AttentionNumbers & { readonly weights: Float64Array } {
  const { options, queries, slopes } = described;
  const { heads, kvHeads, headDim, positions, firstPosition = 0 } = options;
  const count = to - from;
  const rows = positions.length * heads;
  const keys = Array.from({ length: count }, (_, i) => entryOf(described, 'keys', from + i));
  const values = Array.from({ length: count }, (_, i) => entryOf(described, 'values', from + i));
  const weights = new Float64Array(rows * count);
  const out = new Float64Array(rows * headDim);
  const max = new Float64Array(rows).fill(lowest);
  const sum = new Float64Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const h = row % heads;
    const g = Math.floor((h * kvHeads) / heads) * headDim;
    const distance = (positions[Math.floor(row / heads)] as number) - firstPosition - from;
    const seen = Math.max(0, Math.min(count, distance + 1));
    const scores = keys.slice(0, seen).map((key, i) => {
      let product = 0;
      for (let c = 0; c < headDim; c += 1) product += (queries[row * headDim + c] as number) * (key[g + c] as number);
      return product / Math.sqrt(headDim) - (slopes?.[h] ?? 0) * (distance - i);
    });
    const top = scores.reduce((a, b) => Math.max(a, b), lowest);
    const total = scores.reduce((a, b) => a + Math.exp(b - top), 0);
    max[row] = top;
    sum[row] = total;
    scores.forEach((score, i) => {
      const weight = Math.exp(score - top) / total;
      weights[row * count + i] = weight;
      const value = values[i] as Float64Array;
      for (let c = 0; c < headDim; c += 1) {
        out[row * headDim + c] = (out[row * headDim + c] as number) + weight * (value[g + c] as number);
      }
    });
  }
  return { out, max, sum, weights };
}

/** A case on a device. `packed`: all pages are parts of one buffer. */
export function placeCase(trial: KernelTrial, described: DescribedCase, packed: boolean) {
  const { options, rows, positionRows, index, scale, slopes, queries } = described;
  const { length, heads, kvHeads, headDim, positions, firstPosition = 0, window = 1, half = false } = options;
  const { rowsPerPage = 256 * window, pageLength = 256 } = options;
  const width = kvHeads * headDim;
  const pages = new Pages(trial, packed);
  const rowPages = (part: Rows, perPage: number) => {
    const place = (data: Float32Array) => {
      const words = half ? wordsOf(encodeFloat16(data)) : new Uint32Array(data.slice().buffer);
      return pages.add(words, half ? 'f16' : 'f32', [data.length / width, kvHeads, headDim]);
    };
    const cut = (data: Float32Array) => pieces(data, perPage * width).map(place);
    const values = cut(part.values);
    return { keys: cut(part.keys), values };
  };
  const slotRows = rowPages(rows, rowsPerPage);
  const byPosition = positionRows === null ? null : rowPages(positionRows, 256);
  const words = (data: Int32Array | Float32Array, dtype: 'i32' | 'f32') =>
    pieces(data, pageLength).map((page) => {
      const whole = new Uint32Array(pageLength).fill(0x7fe1_7fe1);
      whole.set(new Uint32Array(page.slice().buffer));
      return pages.add(whole, dtype, [pageLength]);
    });
  const indexPages = index === null ? null : words(index, 'i32');
  const scalePages = scale === null ? null : words(scale, 'f32');
  const views = pages.place();
  const listed = (list: { readonly keys: number[]; readonly values: number[] }, perPage: number) => ({
    rowsPerPage: perPage,
    pages: list.keys.map((keys, page) => ({
      keys: views[keys] as TensorView,
      values: views[list.values[page] as number] as TensorView,
    })),
  });
  const context: ContextView = {
    length,
    firstPosition,
    kvHeads,
    headDim,
    window,
    rows: listed(slotRows, rowsPerPage),
    pageLength,
    index: indexPages?.map((page) => views[page] as TensorView) ?? null,
    scale: scalePages?.map((page) => views[page] as TensorView) ?? null,
    positionRows: byPosition === null ? null : listed(byPosition, 256),
    rope: options.rotated === true ? anglesOf(trial, headDim, firstPosition + length) : null,
  };
  return {
    context,
    queries: trial.floats([positions.length, heads, headDim], queries),
    positions: trial.integers([positions.length], positions),
    slopes: slopes === null ? null : trial.floats([heads], slopes),
    scale: 1 / Math.sqrt(headDim),
  };
}

/** Arrays that become views: of buffers of their own, or of one. */
class Pages {
  readonly #trial: KernelTrial;
  readonly #packed: boolean;
  readonly #parts: { readonly words: Uint32Array; readonly dtype: 'f32' | 'f16' | 'i32'; readonly shape: number[] }[] =
    [];

  constructor(trial: KernelTrial, packed: boolean) {
    this.#trial = trial;
    this.#packed = packed;
  }

  add(words: Uint32Array, dtype: 'f32' | 'f16' | 'i32', shape: number[]): number {
    return this.#parts.push({ words, dtype, shape }) - 1;
  }

  place(): TensorView[] {
    if (!this.#packed) {
      return this.#parts.map(({ words, dtype, shape }) => ({
        ...this.#trial.integers([words.length], new Int32Array(words.buffer)),
        dtype,
        shape,
      }));
    }
    let length = 0;
    const starts = this.#parts.map(({ words }) => {
      const start = length;
      length += Math.ceil(words.length / 64) * 64; // as slabs give them out
      return start;
    });
    const all = new Int32Array(length);
    this.#parts.forEach(({ words }, part) => {
      all.set(new Int32Array(words.buffer, 0, words.length), starts[part]);
    });
    const whole = this.#trial.integers([length], all);
    return this.#parts.map(({ dtype, shape }, part) => {
      const byteOffset = whole.byteOffset + (starts[part] as number) * 4;
      // As core's tensors, without properties of its own: who spreads one into an object loses it.
      const view: TensorView = Object.create({ buffer: whole.buffer, byteOffset, dtype, shape });
      return view;
    });
  }
}

function anglesOf(trial: KernelTrial, headDim: number, end: number): RopeAngles {
  const pairs = headDim / 2;
  const table = (entries: number, step: number) => {
    const data = Float32Array.from({ length: entries * headDim }, (_, i) => {
      const angle = angleOf(Math.floor(i / headDim) * step, Math.floor((i % headDim) / 2), headDim);
      return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
    });
    return trial.floats([entries, pairs, 2], data);
  };
  return { fineLength, fine: table(fineLength, 1), coarse: table(Math.ceil(end / fineLength), fineLength) };
}

function wordsOf(halves: Uint16Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(halves.length / 2));
  new Uint16Array(words.buffer).set(halves);
  return words;
}

function pieces<A extends Int32Array | Float32Array>(data: A, size: number): A[] {
  return Array.from(
    { length: Math.ceil(data.length / size) },
    (_, page) => data.slice(page * size, (page + 1) * size) as A,
  );
}

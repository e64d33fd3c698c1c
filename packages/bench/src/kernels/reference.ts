/** What kernels have to compute, by plain loops in float64: slow, obvious, shared with nothing that is judged by it. */

/** [rows, inner] · [inner, columns] = [rows, columns]. */
export function referenceProduct(
  a: Float32Array,
  b: Float32Array,
  { rows, inner, columns }: { readonly rows: number; readonly inner: number; readonly columns: number },
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let k = 0; k < inner; k += 1) {
      const factor = a[row * inner + k] as number;
      for (let column = 0; column < columns; column += 1) {
        out[row * columns + column] =
          (out[row * columns + column] as number) + factor * (b[k * columns + column] as number);
      }
    }
  }
  return out;
}

export interface ReferenceAttention {
  readonly heads: number;
  readonly headDim: number;
  readonly length: number;
  /** [H, C] of the one query, at position `length − 1`. */
  readonly query: Float32Array;
  /** Writes key and value of position i in head h, C numbers each. */
  read(position: number, head: number, key: Float64Array, value: Float64Array): void;
  /** ALiBi slopes by head; none by default. */
  readonly slopes?: readonly number[];
}

/** One query's attention, [H, C], scores over √C. */
export function referenceAttention(options: ReferenceAttention): Float64Array {
  const { heads, headDim, length, query, read, slopes } = options;
  const out = new Float64Array(heads * headDim);
  const key = new Float64Array(headDim);
  const value = new Float64Array(headDim);
  for (let head = 0; head < heads; head += 1) {
    let max = Number.NEGATIVE_INFINITY;
    let sum = 0;
    const part = out.subarray(head * headDim, (head + 1) * headDim);
    for (let position = 0; position < length; position += 1) {
      read(position, head, key, value);
      let score = 0;
      for (let c = 0; c < headDim; c += 1) score += (query[head * headDim + c] as number) * (key[c] as number);
      score = score / Math.sqrt(headDim) - (slopes?.[head] ?? 0) * (length - 1 - position);
      const higher = Math.max(max, score);
      const kept = Math.exp(max - higher);
      const weight = Math.exp(score - higher);
      max = higher;
      sum = sum * kept + weight;
      for (let c = 0; c < headDim; c += 1) part[c] = (part[c] as number) * kept + weight * (value[c] as number);
    }
    for (let c = 0; c < headDim; c += 1) part[c] = (part[c] as number) / sum;
  }
  return out;
}

/** Numbers in −1 … 1, the same on every run (a multiplicative generator). */
export function sampleNumbers(count: number, seed: number, scale = 1): Float32Array {
  const numbers = new Float32Array(count);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let place = 0; place < count; place += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    numbers[place] = (state / 2 ** 31 - 1) * scale;
  }
  return numbers;
}

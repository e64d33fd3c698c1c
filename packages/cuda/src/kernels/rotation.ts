/**
 * Rotary rotation. cos and sin of positions are combined on the host in float64 from the two tables (angle addition) and
 * uploaded, once per list of positions: all layers use the same.
 *
 *     out = x ⊙ (cos, cos) + swap(x) ⊙ (−sin, sin),   swap(x) the halves of a head exchanged (Roll)
 *
 * A single position rotates all heads alike, by one small matrix: one product instead of four operations. Not with TF32,
 * which would round the angles to 10 bits.
 */

import type { RopeAngles, RopeArguments } from '@inattention/core';
import { elementsOf, type Handle } from '../execution/handle.ts';
import type { KernelContext } from './kernel-context.ts';

interface Kept {
  readonly handles: readonly Handle[];
  readonly bytes: number;
}

/** Bytes of rotations that are kept; one beyond that is made for one call. */
const maxKeptBytes = 2 ** 21;

export class Rotations {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  readonly #tables = new WeakMap<
    RopeAngles,
    { readonly key: number; readonly fine: Float64Array; readonly coarse: Float64Array }
  >();
  #tablesSeen = 0;
  /** Whether a single position may rotate by a product. */
  readonly #byProduct: boolean;

  constructor(byProduct: boolean) {
    this.#byProduct = byProduct;
  }

  /** [n, heads, C] rotated by positions [n]. */
  rotate(context: KernelContext, input: Handle, positions: Int32Array, angles: RopeAngles, inverse = false): Handle {
    const { operations } = context;
    const size = input.shape[2] as number;
    const [cos, sin] = this.#keep(context, positions, angles, inverse, 'factors') as readonly [Handle, Handle];
    const straight = operations.binary('Mul', input, cos);
    const swapped = operations.binary('Mul', operations.roll(input, size / 2), sin);
    return operations.binary('AddV2', straight, swapped);
  }

  /** Whether these positions are rotated by a matrix. */
  takesMatrix(positions: Int32Array): boolean {
    return positions.length === 1 && this.#byProduct;
  }

  /** Rows [heads, 1, C] of one position rotated and scaled, by one product. */
  rotateOne(context: KernelContext, rows: Handle, { positions, angles, inverse }: OnePosition, factor: number): Handle {
    const [matrix] = this.#keep(context, positions, angles, inverse, 'matrix', factor);
    return context.operations.batchMatmul(rows, matrix as Handle, false, false);
  }

  /** What rotates: the matrix [C, C] of one position times `factor`, or cos and sin of all. */
  #keep(
    context: KernelContext,
    positions: Int32Array,
    angles: RopeAngles,
    inverse: boolean,
    form: 'matrix' | 'factors',
    factor = 1,
  ): readonly Handle[] {
    const tables = this.#tablesOf(context, angles);
    const key = `${tables.key} ${form} ${factor} ${inverse} ${keyOf(positions)}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known.handles;
    const size = (angles.fine.shape[1] as number) * 2;
    const made =
      form === 'matrix'
        ? [
            context.runtime.upload(
              matrixAt(tables, positions[0] as number, angles.fineLength, size, inverse).map((x) => factor * x),
              [size, size],
            ),
          ]
        : factorsAt(tables, positions, angles.fineLength, size, inverse).map((data) =>
            context.runtime.upload(data, [positions.length, 1, size]),
          );
    const bytes = made.reduce((sum, handle) => sum + handle.bytes, 0);
    if (bytes > maxKeptBytes / 4) return made;
    while (this.#bytes + bytes > maxKeptBytes || this.#kept.size >= maxKept) this.#dropOldest(context);
    for (const handle of made) context.runtime.keep(handle);
    this.#kept.set(key, { handles: made, bytes });
    this.#bytes += bytes;
    context.memory.addCached(bytes);
    return made;
  }

  #dropOldest(context: KernelContext): void {
    const [[key, kept] = []] = this.#kept;
    if (key === undefined || kept === undefined) return;
    this.#kept.delete(key);
    for (const handle of kept.handles) context.runtime.delete(handle);
    this.#bytes -= kept.bytes;
    context.memory.addCached(-kept.bytes);
  }

  /** Gives everything back. */
  trim(context: KernelContext): void {
    while (this.#kept.size > 0) this.#dropOldest(context);
  }

  #tablesOf(context: KernelContext, angles: RopeAngles) {
    let tables = this.#tables.get(angles);
    if (tables === undefined) {
      const read = (view: RopeAngles['fine']) =>
        Float64Array.from(context.runtime.binding.tensorDataSync(context.words(view).id));
      this.#tablesSeen += 1;
      tables = { key: this.#tablesSeen, fine: read(angles.fine), coarse: read(angles.coarse) };
      this.#tables.set(angles, tables);
    }
    return tables;
  }
}

/** Rotations that are kept, at most. */
const maxKept = 64;

interface OnePosition {
  readonly positions: Int32Array;
  readonly angles: RopeAngles;
  readonly inverse: boolean;
}

export function rope(context: KernelContext, rotations: Rotations, args: RopeArguments): void {
  const { input, angles, inverse, out } = args;
  const positions = context.integers(args.positions);
  const [, heads, size] = input.shape as readonly [number, number, number];
  if (!rotations.takesMatrix(positions)) {
    context.store(out, rotations.rotate(context, context.words(input, input.shape), positions, angles, inverse));
    return;
  }
  const rows = context.words(input, [heads, 1, size]);
  const kept = context.isWhole(input) && context.bufferOf(input).words !== null;
  const later = kept && context.isWhole(out) && input.buffer !== out.buffer;
  const one = { positions: positions.slice(), angles, inverse };
  if (!later) {
    context.store(out, rotations.rotateOne(context, rows, one, 1));
    return;
  }
  // Attention wants the queries scaled: the matrix does both, when it is known by how much.
  const { runtime, memory } = context;
  runtime.hold(rows);
  const bytes = elementsOf(rows.shape) * 4;
  memory.addCached(bytes);
  memory.defer(context.bufferOf(out), {
    compute: () => rotations.rotateOne(context, rows, one, 1),
    scaled: (factor) => rotations.rotateOne(context, rows, one, factor),
    drop() {
      runtime.delete(rows);
      memory.addCached(-bytes);
    },
  });
}

function keyOf(positions: Int32Array): string {
  const first = positions[0] as number;
  const consecutive = positions.every((position, i) => position === first + i);
  return consecutive ? `${first}+${positions.length}` : positions.join();
}

interface Tables {
  readonly fine: Float64Array;
  readonly coarse: Float64Array;
}

/** cos and sin of pair `pair` at a position. */
function angleAt({ fine, coarse }: Tables, position: number, fineLength: number, pair: number, half: number) {
  const low = ((position % fineLength) * half + pair) * 2;
  const high = (Math.floor(position / fineLength) * half + pair) * 2;
  const [cosLow, sinLow] = [fine[low] as number, fine[low + 1] as number];
  const [cosHigh, sinHigh] = [coarse[high] as number, coarse[high + 1] as number];
  return { cos: cosHigh * cosLow - sinHigh * sinLow, sin: sinHigh * cosLow + cosHigh * sinLow };
}

function factorsAt(tables: Tables, positions: Int32Array, fineLength: number, size: number, inverse: boolean) {
  const half = size / 2;
  const cosines = new Float32Array(positions.length * size);
  const sines = new Float32Array(positions.length * size);
  const sign = inverse ? -1 : 1;
  positions.forEach((position, row) => {
    for (let pair = 0; pair < half; pair += 1) {
      const { cos, sin } = angleAt(tables, position, fineLength, pair, half);
      const at = row * size + pair;
      cosines[at] = cos;
      cosines[at + half] = cos;
      sines[at] = -sign * sin;
      sines[at + half] = sign * sin;
    }
  });
  return [cosines, sines] as const;
}

/** M with x M = the rotated x: column c of pair (c, c + C/2) has cos and −sin, column c + C/2 sin and cos. */
function matrixAt(tables: Tables, position: number, fineLength: number, size: number, inverse: boolean): Float32Array {
  const half = size / 2;
  const matrix = new Float32Array(size * size);
  const sign = inverse ? -1 : 1;
  for (let pair = 0; pair < half; pair += 1) {
    const { cos, sin } = angleAt(tables, position, fineLength, pair, half);
    matrix[pair * size + pair] = cos;
    matrix[(pair + half) * size + pair] = -sign * sin;
    matrix[pair * size + pair + half] = sign * sin;
    matrix[(pair + half) * size + pair + half] = cos;
  }
  return matrix;
}

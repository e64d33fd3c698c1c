/** Reading rows of a table by id, and its transpose: adding rows into a table by id. */

import { InvalidArgumentError } from '@inattention/core';
import { expectShape, type NdArray, zeros } from './nd-array.ts';

/** out[i] = table[ids[i]] for a table [R, W] and n ids: [n, W]. A negative id gives a row of zeros. */
export function gatherRows(table: NdArray, ids: ArrayLike<number>): NdArray {
  expectShape(table, [null, null], 'A table of rows');
  const [rows, width] = table.shape;
  const out = zeros([ids.length, width]);
  for (let i = 0; i < ids.length; i += 1) {
    if (ids[i] < 0) continue;
    checkRow(ids[i], rows);
    for (let c = 0; c < width; c += 1) out.data[i * width + c] = table.data[ids[i] * width + c];
  }
  return out;
}

/** table [R, W] with source[i] added to row ids[i], for a source [n, W]. Negative ids add nothing; ids may repeat. */
export function scatterAddRows(table: NdArray, ids: ArrayLike<number>, source: NdArray): NdArray {
  expectShape(table, [null, null], 'A table of rows');
  const [rows, width] = table.shape;
  expectShape(source, [ids.length, width], 'Rows to add');
  const out = { shape: table.shape, data: Float64Array.from(table.data) };
  for (let i = 0; i < ids.length; i += 1) {
    if (ids[i] < 0) continue;
    checkRow(ids[i], rows);
    for (let c = 0; c < width; c += 1) out.data[ids[i] * width + c] += source.data[i * width + c];
  }
  return out;
}

function checkRow(id: number, rows: number): void {
  if (!Number.isInteger(id) || id >= rows) {
    throw new InvalidArgumentError({
      what: 'A row that the table does not have.',
      got: String(id),
      expected: `below ${rows}`,
    });
  }
}

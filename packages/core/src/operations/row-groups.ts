/**
 * Which rows of a source are added to which rows of a table: sorted by row once, for as many additions as use it. A
 * source row may go to several rows. Contributions of a row are added in the order of their source rows: the same on
 * every run.
 */

import type { Backend } from '../backend/backend.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import type { Purpose } from '../ledger/ledger.ts';
import { Tensor } from '../tensor/tensor.ts';

export class RowGroups {
  /** Rows of a source. */
  readonly sourceRows: number;
  /** Rows that are added to. */
  readonly count: number;
  /** Rows the table has at least. */
  readonly tableRows: number;
  /** i32 [count]. */
  readonly rows: Tensor;
  /** i32 [count + 1]. */
  readonly starts: Tensor;
  /** i32: source rows, those of a row together. */
  readonly order: Tensor;

  /**
   * `uses`: lists of one length n; source row i is added to row uses[0][i], uses[1][i], … Negative: to none. Throws
   * ShapeError for lists of several lengths, InvalidArgumentError for rows below −1.
   */
  constructor(backend: Backend, uses: readonly Int32Array[], purpose: Purpose = 'activations') {
    this.sourceRows = uses[0]?.length ?? 0;
    const wrong = uses.find(({ length }) => length !== this.sourceRows);
    if (wrong !== undefined) {
      throw new ShapeError({
        what: 'Row groups need lists of one length.',
        got: `${wrong.length} rows`,
        expected: `${this.sourceRows}`,
      });
    }
    const groups = groupByRow(uses, this.sourceRows);
    this.count = groups.rows.length;
    this.tableRows = (groups.rows.at(-1) ?? -1) + 1;
    const made: Tensor[] = [];
    const upload = (values: Int32Array) => {
      const tensor = Tensor.from(backend, values, [values.length], purpose);
      made.push(tensor);
      return tensor;
    };
    try {
      this.rows = upload(groups.rows);
      this.starts = upload(groups.starts);
      this.order = upload(groups.order);
    } catch (error) {
      for (const tensor of made) tensor.dispose();
      throw error;
    }
  }

  dispose(): void {
    this.rows.dispose();
    this.starts.dispose();
    this.order.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Source rows sorted by the row they are added to, then by their number, with the start of each row's run. */
function groupByRow(
  uses: readonly Int32Array[],
  length: number,
): { rows: Int32Array; starts: Int32Array; order: Int32Array } {
  // One number per use that sorts by row first: typed arrays sort numbers natively.
  const keys = new Float64Array(uses.length * length);
  let kept = 0;
  for (const use of uses) {
    for (let place = 0; place < length; place += 1) {
      const row = use[place] as number;
      if (row < -1) {
        throw new InvalidArgumentError({
          what: `The row at place ${place} is none.`,
          got: String(row),
          expected: '−1 or more',
        });
      }
      if (row >= 0) keys[kept++] = row * length + place;
    }
  }
  const sorted = keys.subarray(0, kept).sort();
  const order = new Int32Array(kept);
  const rows: number[] = [];
  const starts: number[] = [];
  for (let place = 0; place < kept; place += 1) {
    const key = sorted[place] as number;
    const row = Math.floor(key / length);
    order[place] = key - row * length;
    if (rows.at(-1) === row) continue;
    rows.push(row);
    starts.push(place);
  }
  starts.push(kept);
  return { rows: Int32Array.from(rows), starts: Int32Array.from(starts), order };
}

/**
 * A context as one layer's attention reads it. Modes are data: a KV cache is a view whose positions are its rows; a
 * table is a view whose positions name slots of rows, with a scale per position and keys still to be rotated.
 *
 * With w = `window`, slot(i) = index[i] (or i when `index` is null) and row(s, j) = s · w + j:
 *
 *     k_i = R(firstPosition + i) · scale_i · ( Σ_{j<w, j≤i} K[row(slot(i−j), j)] + Kp[i] )
 *     v_i =                        scale_i · ( Σ_{j<w, j≤i} V[row(slot(i−j), j)] + Vp[i] )
 *
 * Lists of pages never change: as long as the pages are the same, core hands out the same list (`rows`, `index`,
 * `scale`), so a backend may keep what it derives from one by identity.
 *
 * R is the rotary rotation (identity when `rope` is null), scale is 1 when null, Kp/Vp are 0 when `positionRows` is
 * null. DESIGN: the tables identity; source of the decomposition: k is linear in the ids up to 1/rms.
 */

import type { TensorView } from './tensor-view.ts';

/** Keys and values of consecutive rows. */
export interface RowPage {
  /** [rowsPerPage, G, C], f32 or a dtype in `capabilities.contextDTypes`. The last page may be shorter. */
  readonly keys: TensorView;
  /** [rowsPerPage, G, C]. */
  readonly values: TensorView;
}

/** Rows kept in pages: row r is row r % rowsPerPage of page floor(r / rowsPerPage). */
export interface PagedRows {
  readonly pages: readonly RowPage[];
  readonly rowsPerPage: number;
}

/**
 * Rotary angles as two small tables computed in float64 on the host: position p = coarse · F + fine. cos and sin of
 * p's angles come from the angle-addition formula. Each table is [entries, C/2, 2] (cos, sin), f32.
 */
export interface RopeAngles {
  /** F, the number of entries of `fine`. */
  readonly fineLength: number;
  readonly fine: TensorView;
  readonly coarse: TensorView;
}

export interface ContextView {
  /** N: positions in the view. */
  readonly length: number;
  /** Position of entry 0 in the sequence (queries' positions are in the same numbering). */
  readonly firstPosition: number;
  /** G. */
  readonly kvHeads: number;
  /** C. */
  readonly headDim: number;
  /** w: rows per slot. 1 for a KV cache. */
  readonly window: number;
  readonly rows: PagedRows;
  /** Positions per page of `index` and `scale`. */
  readonly pageLength: number;
  /** i32 [pageLength] per page: the slot of each position. Null: position i is slot i. */
  readonly index: readonly TensorView[] | null;
  /** f32 [pageLength] per page: 1/rms of each position's initial state. */
  readonly scale: readonly TensorView[] | null;
  /** Rows added by position (learned position embeddings). */
  readonly positionRows: PagedRows | null;
  /** Set when keys are stored before rotation. */
  readonly rope: RopeAngles | null;
}

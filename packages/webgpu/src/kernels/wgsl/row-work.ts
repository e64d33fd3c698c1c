/**
 * Kernels that reduce rows, in two shapes of one text. `together`: a workgroup to a row, neighbouring invocations read
 * neighbouring elements, partial results meet in workgroup memory (real GPUs). Otherwise a row to an invocation, without
 * barriers (a CPU that plays GPU).
 */

/** Invocations of a workgroup where each works on a row of its own: few, so that few rows still use several cores. */
const aloneSize = 8;

/** The lowest finite f32: where a running maximum begins. */
export const lowest = '-3.4028234663852886e38';

export interface RowWork {
  readonly together: boolean;
  /** Invocations of a workgroup. */
  readonly size: number;
  /** Functions: workgroup_sum and workgroup_max where rows are worked on together. */
  readonly declarations: string;
  /** Statements that define `row`, and leave where it is not one of `params.rows`. */
  readonly begin: string;
  /** Head of a loop over the elements `c` of a row of `count`, or over every first of `stride` that a round takes. */
  loop(count: string, stride?: number): string;
  /** The whole row's sum, or maximum, of a scalar expression. In uniform control flow. */
  sum(value: string): string;
  max(value: string): string;
  /** The condition under which this invocation writes what belongs to the row. */
  readonly writes: string;
}

/** `size`: invocations to a row, a power of two (sizeForRow). */
export function rowWork(together: boolean, size: number): RowWork {
  if (!together) {
    return {
      together,
      size: aloneSize,
      declarations: '',
      begin: 'let row = index;\n  if (row >= params.rows) { return; }',
      loop: (count, stride = 1) => `for (var c = 0u; c < ${count}; c += ${stride}u)`,
      sum: (value) => value,
      max: (value) => value,
      writes: 'true',
    };
  }
  return {
    together,
    size,
    declarations: `
var<workgroup> reduced: array<f32, ${size}>;
${reduction('workgroup_sum', size, (a, b) => `${a} + ${b}`)}
${reduction('workgroup_max', size, (a, b) => `max(${a}, ${b})`)}`,
    begin: 'let row = group.y * groups.x + group.x;\n  if (row >= params.rows) { return; }',
    loop: (count, stride = 1) => `for (var c = lane; c < ${count}; c += ${size * stride}u)`,
    sum: (value) => `workgroup_sum(lane, ${value})`,
    max: (value) => `workgroup_max(lane, ${value})`,
    writes: 'lane == 0u',
  };
}

/** Invocations for a row of `length` elements (or vectors): 64 or 256. */
export function sizeForRow(length: number): number {
  return length <= 256 ? 64 : 256;
}

/** Invocations of a kernel over `rows` rows, for gridOf. */
export function rowInvocations({ together, size }: RowWork, rows: number): number {
  return together ? rows * size : rows;
}

function reduction(name: string, size: number, combine: (a: string, b: string) => string): string {
  return `
fn ${name}(lane: u32, value: f32) -> f32 {
  reduced[lane] = value;
  workgroupBarrier();
  for (var half = ${size / 2}u; half > 0u; half = half >> 1u) {
    if (lane < half) { reduced[lane] = ${combine('reduced[lane]', 'reduced[lane + half]')}; }
    workgroupBarrier();
  }
  let result = reduced[0];
  workgroupBarrier();
  return result;
}`;
}

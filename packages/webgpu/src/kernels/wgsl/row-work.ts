/**
 * Kernels that reduce rows, in three shapes of one text:
 *
 *     alone      a row to an invocation, without barriers (a CPU that plays GPU)
 *     barriers   a workgroup to a row, neighbouring invocations read neighbouring elements, partial results meet in workgroup
 *                memory, halved log₂(size) times with a barrier each (real GPUs)
 *     subgroups  the same, but each subgroup of S adds up by itself first, and every subgroup then adds up what all have: two
 *                barriers instead of log₂(size) + 2, size / S loads of workgroup memory instead of 2 log₂(size)
 *
 * WGSL does not promise which invocations make a subgroup, so a subgroup's result goes to the place of one of its own, zeros
 * (or the lowest number) to those of the others; every order of lanes is right. Sums differ in the last bits from those by
 * barriers, and are the same every time on one device.
 */

import type { KernelRunner } from '../../execution/kernel-runner.ts';

export type RowWay = 'alone' | 'barriers' | 'subgroups';

/** Invocations of a workgroup where each works on a row of its own: few, so that few rows still use several cores. */
const aloneSize = 8;

/** The lowest finite f32: where a running maximum begins. */
export const lowest = '-3.4028234663852886e38';

export interface RowWork {
  /** Whether a workgroup shares a row. */
  readonly together: boolean;
  /** Whether the kernel is to be defined with `subgroups`. */
  readonly subgroups: boolean;
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

/** How rows are reduced by workgroups of `size` on this device, if they are reduced `together`. */
export function rowWayOf({ traits }: KernelRunner, together: boolean, size: number): RowWay {
  if (!together) return 'alone';
  return traits.largestSubgroup > 0 && traits.largestSubgroup <= size ? 'subgroups' : 'barriers';
}

/** `size`: invocations to a row, a power of two (sizeForRow). */
export function rowWork(way: RowWay, size: number): RowWork {
  const together = way !== 'alone';
  const subgroups = way === 'subgroups';
  if (!together) {
    return {
      together,
      subgroups,
      size: aloneSize,
      declarations: '',
      begin: 'let row = index;\n  if (row >= params.rows) { return; }',
      loop: (count, stride = 1) => `for (var c = 0u; c < ${count}; c += ${stride}u)`,
      sum: (value) => value,
      max: (value) => value,
      writes: 'true',
    };
  }
  const reduce = subgroups ? subgroupReduction : reduction;
  const lanes = subgroups ? 'lane, subgroup_lane, subgroup_size' : 'lane';
  return {
    together,
    subgroups,
    size,
    declarations: `
var<workgroup> reduced: array<f32, ${size}>;
${reduce('workgroup_sum', size, 'subgroupAdd', '0.0', (a, b) => `${a} + ${b}`)}
${reduce('workgroup_max', size, 'subgroupMax', lowest, (a, b) => `max(${a}, ${b})`)}`,
    begin: 'let row = group.y * groups.x + group.x;\n  if (row >= params.rows) { return; }',
    loop: (count, stride = 1) => `for (var c = lane; c < ${count}; c += ${size * stride}u)`,
    sum: (value) => `workgroup_sum(${lanes}, ${value})`,
    max: (value) => `workgroup_max(${lanes}, ${value})`,
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

type Combine = (a: string, b: string) => string;

function subgroupReduction(name: string, size: number, builtin: string, neutral: string, combine: Combine): string {
  return `
fn ${name}(lane: u32, subgroup_lane: u32, subgroup_size: u32, value: f32) -> f32 {
  let own = ${builtin}(value);
  reduced[lane] = select(${neutral}, own, subgroupElect());
  workgroupBarrier();
  var all = ${neutral};
  for (var i = subgroup_lane; i < ${size}u; i += subgroup_size) { all = ${combine('all', 'reduced[i]')}; }
  let result = ${builtin}(all);
  workgroupBarrier();
  return result;
}`;
}

function reduction(name: string, size: number, _builtin: string, _neutral: string, combine: Combine): string {
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

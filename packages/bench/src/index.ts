/**
 * `@inattention/bench`: the context sweep, its result schema and plans, in Node and in browsers. The command line and the
 * texts on disk are at `@inattention/bench/node`.
 */

export { memorySizes, planTable } from './plan-table.ts';
export { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './report/units.ts';
export {
  type PlanTableRow,
  resultSchema,
  type SweepResult,
  type SweepRow,
  type SweepText,
  type TextRow,
  type Timing,
  type Variant,
} from './result.ts';
export { configOf, planShapes, type Shape, smallShape, sweepShapes } from './shapes.ts';
export { runSweep, type SweepDocument, type SweepOptions, type SweepProgress } from './sweep/sweep.ts';
export { type Text, tokenise } from './tokenise.ts';

/** `@inattention/bench`: the context sweep, its result schema, plans and report. */

export { type BenchOutput, benchCommand } from './command.ts';
export { memorySizes, planTable } from './plan-table.ts';
export { terminalReport } from './report/terminal.ts';
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
export { readMobyDick, readStateOfTheUnion, type Text } from './texts.ts';
export { tokenise } from './tokenise.ts';

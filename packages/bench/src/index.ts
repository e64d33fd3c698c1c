/**
 * `@inattention/bench`: the context sweep, its result schema and plans, in Node and in browsers. The command line and the
 * texts on disk are at `@inattention/bench/node`.
 */

export {
  type BackendName,
  backendCandidates,
  backendNames,
  type CandidateOptions,
  onlyBackend,
} from './backends.ts';
export { memorySizes, planTable } from './plan-table.ts';
export type { OpenText } from './quality/open-text.ts';
export { isQuality, parseQuality } from './quality/parse-quality.ts';
export {
  type ContextLosses,
  type ContextLossRow,
  type QualityModel,
  type QualityResult,
  type QualityText,
  qualitySchema,
  type TaskResults,
  type TaskRow,
  type TaskSettings,
  type TaskVariant,
  type TestLossRow,
} from './quality/quality-result.ts';
export { qualityFacts, qualityTables } from './quality/quality-tables.ts';
export { type QualityOptions, runQuality } from './quality/run-quality.ts';
export type { Task } from './quality/tasks/task.ts';
export { taskSettings, tasks, taskVariants } from './quality/tasks/task-plan.ts';
export { type Fact, remarks, runFacts } from './report/facts.ts';
export { markdownReport } from './report/markdown.ts';
export { parseResult } from './report/parse-result.ts';
export { type Ratio, type RowRatios, ratiosOf } from './report/ratios.ts';
export {
  lengthTable,
  memoryTable,
  planReport,
  type ReportColumn,
  type ReportTable,
  reportTables,
  tableStates,
  timeTable,
} from './report/report-table.ts';
export { formatBytes, formatMilliseconds, formatRatio, formatTokens } from './report/units.ts';
export {
  type Outcome,
  type PlanTableRow,
  type RowPlan,
  resultSchema,
  type SweepResult,
  type SweepRow,
  type SweepText,
  type TextRow,
  type Timing,
  type Variant,
  type WarmUpKind,
} from './result.ts';
export {
  configOf,
  planShapes,
  type Shape,
  type SweepDefaults,
  smallShape,
  sweepDefaults,
  sweepShapes,
} from './shapes.ts';
export {
  decodedTokens,
  runSweep,
  type SweepDocument,
  type SweepOptions,
  type SweepProgress,
  warmUpDocumentTokens,
} from './sweep/sweep.ts';
export { type Text, tokenise } from './tokenise.ts';

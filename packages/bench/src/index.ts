/**
 * `@inattention/bench`: the context sweep, its result schema and plans, in Node and in browsers. The command line and the
 * texts on disk are at `@inattention/bench/node`.
 */

export { type AgreementResult, type AgreementRow, agreementSchema } from './agreement/agreement-result.ts';
export { type AgreementOptions, runAgreement } from './agreement/run-agreement.ts';
export { type BackendName, backendNames } from './backend-names.ts';
export { backendCandidates, type CandidateOptions, onlyBackend } from './backends.ts';
export { type KernelPeer, type KernelResult, kernelSchema } from './kernels/kernel-result.ts';
export type { LoadedPeer, Peer, PeerKernel } from './kernels/peer.ts';
export { type KernelRunOptions, type KernelSizes, kernelSizes, runKernels } from './kernels/run-kernels.ts';
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
export {
  type AnyResult,
  anyMarkdown,
  headingOf,
  parseAnyResult,
  type ReportHeading,
  reportContent,
} from './report/any-result.ts';
export { comparisonTable } from './report/comparison-table.ts';
export { type Fact, remarks, runFacts } from './report/facts.ts';
export { markdownReport } from './report/markdown.ts';
export { tableSection } from './report/page/report-parts.ts';
export { style as reportStyle } from './report/page/style.ts';
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
  tinyShape,
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

/**
 * `@inattention/conformance`: the float64 reference, golden cases, comparison of numbers, and the suite that a backend
 * runs against itself. Golden cases on disk are at `@inattention/conformance/golden`.
 */

export { type Comparison, compareArrays, formatComparison, type Tolerance } from './comparison/compare-arrays.ts';
export {
  type StoredDType,
  type ToleranceOperation,
  type ToleranceRule,
  toleranceFor,
  tolerances,
} from './comparison/tolerances.ts';
export { type GoldenCase, type GoldenTensor, numbersOf, readGoldenCase } from './golden/golden-case.ts';
export { type RandomNumbers, randomNumbers } from './inputs/random-numbers.ts';
export { type AbsorbedInputs, absorbedAttention } from './reference/absorbed-attention.ts';
export { type AdamWOptions, type AdamWState, adamwStep } from './reference/adamw.ts';
export { alibiSlopes } from './reference/alibi.ts';
export {
  type AttentionInputs,
  type AttentionResult,
  attentionForward,
  attentionWeights,
  lowestFloat32,
} from './reference/attention.ts';
export { type AttentionGradients, attentionBackward } from './reference/attention-backward.ts';
export {
  type AttentionBlockOptions,
  type AttentionBlockWeights,
  attentionBlockBackward,
  attentionBlockForward,
} from './reference/attention-block.ts';
export { collapsedScores, collapsedValues } from './reference/collapse.ts';
export {
  buildTables,
  type ContextTables,
  inverseRms,
  readTables,
  type TableWeights,
} from './reference/context-tables.ts';
export { type CrossEntropyResult, crossEntropyBackward, crossEntropyForward } from './reference/cross-entropy.ts';
export type { DecoderForward } from './reference/decoder.ts';
export { type LayerOptions, type LayerWeights, layerBackward, layerForward } from './reference/decoder-layer.ts';
export { add, affine, divide, exp, log, multiply, sigmoid, sqrt, subtract } from './reference/elementwise.ts';
export { gainBackward, gainForward } from './reference/gain.ts';
export { embedBackward, embedForward, initialStateBackward, initialStateForward } from './reference/initial-state.ts';
export { linearBackward, linearForward } from './reference/linear.ts';
export { type MatmulOptions, matmul } from './reference/matmul.ts';
export { mergeAttention } from './reference/merge-attention.ts';
export { type MlpWeights, mlpBackward, mlpForward } from './reference/mlp.ts';
export { type NdArray, ndArray, reshaped, zeros } from './reference/nd-array.ts';
export { numericalGradient } from './reference/numerical-gradient.ts';
export {
  layerWeights,
  type NamedNumbers,
  type Parameters,
  parameterShapes,
  readParameters,
} from './reference/parameters.ts';
export { permute } from './reference/permute.ts';
export { max, sum } from './reference/reduce.ts';
export {
  type ReferenceLoss,
  referenceForward,
  referenceLogitsAt,
  referenceLossAndGradients,
} from './reference/reference.ts';
export { type RmsNormResult, rmsNormBackward, rmsNormForward } from './reference/rms-norm.ts';
export { ropeAngle, ropeBackward, ropeForward } from './reference/rope.ts';
export { gatherRows, scatterAddRows } from './reference/rows.ts';
export { swigluBackward, swigluForward } from './reference/swiglu.ts';

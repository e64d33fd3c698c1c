/** `@inattention/core/math`: InAttention over the contract: initial states, tables, context modes, merging, plan. */

export { alibiSlopes } from './alibi.ts';
export { Context, type ContextOptions, checkTokens, type PreparedEdit } from './context.ts';
export { attendViews } from './context-blocks.ts';
export { type ContextDType, type ContextMode, contextModes } from './context-mode.ts';
export { ContextModel } from './context-model.ts';
export { attendScratchBytes } from './context-scratch.ts';
export {
  addToHeads,
  type ContextSource,
  type ContextWeights,
  finishKeysAndValues,
  inattentionLayers,
  type KeysAndValues,
  type KeyValueWeights,
  projectKeysAndValues,
  projectLinearly,
  rowKind,
  type WorkCount,
} from './context-source.ts';
export { ContextTable } from './context-table.ts';
export {
  consecutive,
  createIdWindow,
  createJoinedIdWindow,
  type EmbeddingWeights,
  type IdSequence,
  type IdWindow,
  initialStates,
  mixWindow,
  type OwnedIdWindow,
  type TextRows,
  windowTerm,
} from './initial-state.ts';
export type { AttentionBias, AttentionType, ModelConfig, PositionEmbeddingType } from './model-config.ts';
export { contextPageLength, pageCount, rowPageSlots } from './page-sizes.ts';
export {
  type ContextPlan,
  type ContextPlanRow,
  contextBytes,
  type PlanOptions,
  plan,
  tableBytes,
} from './plan.ts';
export { createRopeAngles, maxRopePositions, type OwnedRopeAngles, ropeAnglesBytes } from './rope-angles.ts';
export {
  type LinearRopeScaling,
  type Llama3RopeScaling,
  ntkTheta,
  type RopeFrequencies,
  type RopeScaling,
  ropeFrequencies,
  ropeFrequenciesOf,
  type YarnRopeScaling,
  yarnAttentionFactor,
} from './rope-frequencies.ts';
export {
  parameterCount,
  storedBytes,
  storedDType,
  type WeightDType,
  weightBytes,
  weightDTypes,
} from './weight-storage.ts';

/** `@inattention/core/math`: InAttention over the contract: initial states, tables, context modes, merging, plan. */

export { alibiSlopes } from './alibi.ts';
export { Context, type ContextOptions, checkTokens, type PreparedEdit } from './context.ts';
export { type ContextDType, type ContextMode, contextModes } from './context-mode.ts';
export { ContextModel } from './context-model.ts';
export { attendScratchBytes } from './context-scratch.ts';
export {
  type ContextSource,
  type ContextWeights,
  inattentionLayers,
  type KeyValueWeights,
  projectKeysAndValues,
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
  type OwnedIdWindow,
  type TextRows,
} from './initial-state.ts';
export type { AttentionType, ModelConfig, PositionEmbeddingType } from './model-config.ts';
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
  parameterCount,
  storedBytes,
  storedDType,
  type WeightDType,
  weightBytes,
  weightDTypes,
} from './weight-storage.ts';

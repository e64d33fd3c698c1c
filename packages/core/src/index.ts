/** `@inattention/core`: tensors, the Backend contract, errors, the ledger, operations, backend selection. */

export type { Backend, BackendInfo, Capabilities } from './backend/backend.ts';
export type { ContextView, PagedRows, RopeAngles, RowPage } from './backend/context-view.ts';
export type {
  AdamWArguments,
  AttendArguments,
  AttendBackwardArguments,
  AttendEachArguments,
  AttendWeightsArguments,
  CrossEntropyArguments,
  CrossEntropyBackwardArguments,
  FusedOperations,
  RmsNormArguments,
  RmsNormBackwardArguments,
  RopeArguments,
} from './backend/fused.ts';
export type {
  BinaryArguments,
  Broadcast,
  CopyBlockArguments,
  GatherRowsArguments,
  MatmulArguments,
  PermuteArguments,
  Primitives,
  ReduceArguments,
  ScatterAddRowsArguments,
  UnaryArguments,
} from './backend/primitives.ts';
export {
  type BackendCandidate,
  type BackendChoice,
  type BackendRequirements,
  selectBackend,
} from './backend/select-backend.ts';
export type { BackendBuffer, BlockScaling, TensorView } from './backend/tensor-view.ts';
export {
  AbortedError,
  BackendFailedError,
  BackendLostError,
  BackendUnavailableError,
  BudgetExceededError,
  DisposedError,
  DTypeError,
  InvalidArgumentError,
  InvalidConfigError,
  InvalidFileError,
  NonFiniteError,
  OutOfMemoryError,
  ShapeError,
  TokenOutOfRangeError,
  throwIfAborted,
  UnsupportedError,
} from './errors/errors.ts';
export { type ErrorCode, type ErrorDetails, InAttentionError } from './errors/inattention-error.ts';
export { Ledger, type LedgerSnapshot, type Purpose, purposes } from './ledger/ledger.ts';
export { FreeBlocks } from './memory/free-blocks.ts';
export { type AdamWOptions, type AdamWState, adamw } from './operations/adamw.ts';
export type { AttendOptions } from './operations/attend.ts';
export type { AttendBackwardInputs, AttentionGradients } from './operations/attend-backward.ts';
export type { AttendWeightsOptions } from './operations/attend-weights.ts';
export { type AttentionState, lowestFloat } from './operations/attention-state.ts';
export type { CrossEntropy } from './operations/cross-entropy.ts';
export { denseContext, EagerOperations, type EagerOptions } from './operations/eager-operations.ts';
export type { DenseContext } from './operations/expand-context.ts';
export { IndexTensor } from './operations/index-tensor.ts';
export type { MatmulOptions } from './operations/matmul.ts';
export type { AttentionOptions, Operations, ScopeResult } from './operations/operations.ts';
export type { Normalised, NormGradients } from './operations/rms-norm.ts';
export { RowGroups } from './operations/row-groups.ts';
export {
  type BlockScaledArray,
  blockScaledBytes,
  blocksPerRow,
  defaultBlockLength,
  dequantizeBlocks,
} from './tensor/block-scaled.ts';
export {
  type BlockDType,
  blockElements,
  bytesPerElement,
  type DType,
  dtypeOf,
  type HostArray,
  hostArray,
  isBlockDType,
} from './tensor/dtype.ts';
export { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './tensor/half.ts';
export { quantizeBlocks } from './tensor/quantize-blocks.ts';
export { checkShape, expectShape, formatShape, type Shape, sameShape, sizeOf } from './tensor/shape.ts';
export { Tensor } from './tensor/tensor.ts';
export { activationBlock, decodeWeightBlocks, encodeWeightBlocks, roundActivations } from './tensor/weight-blocks.ts';

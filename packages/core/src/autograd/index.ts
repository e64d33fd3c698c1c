/** `@inattention/core/autograd`: reverse-mode differentiation. Inference never loads it. */

export { Gradients } from './gradients.ts';
export { type Recomputed, RecordingOperations } from './recording-operations.ts';
export type { Recorded } from './rule.ts';
export { Variable } from './variable.ts';

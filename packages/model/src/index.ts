/** `@inattention/model`: the decoder, sessions over contexts of any mode, sampling and generation. */

export { type CreateOptions, createModel, randomWeights } from './create-model.ts';
export { decoderLayer, decoderLogits } from './decoder.ts';
export { collectWeights, type DecoderWeights, type LayerWeights } from './decoder-weights.ts';
export { type ForwardOptions, forwardLogits } from './forward.ts';
export type { BatchEvent, BatchFailure, BatchRequest, BatchToken } from './generation/batch-requests.ts';
export type { FinishReason, GeneratedToken, GenerateOptions } from './generation/continuation.ts';
export { generate, type RecoverOptions } from './generation/generate.ts';
export { type BatchOptions, generateBatch } from './generation/generate-batch.ts';
export { type LoadOptions, loadModel } from './load-model.ts';
export { Model, type ModelParts, type PlaceWeights, type SessionOptions } from './model.ts';
export { placeWeight } from './place-rounded.ts';
export { checkWeightDType, type NamedWeight } from './place-weight.ts';
export type { Progress } from './progress.ts';
export { Random } from './sampling/random.ts';
export { type Sample, Sampler, type SamplerState, type SamplingOptions } from './sampling/sampler.ts';
export { parseSession, type SavedSession, serializeSession } from './saved-session.ts';
export { type Content, Session } from './session.ts';
export type { RunOptions } from './session-decoder.ts';
export { placementOf, type WantedWeightDType, type WeightPlacement } from './weight-placement.ts';
export { yieldToEventLoop } from './yield-to-event-loop.ts';

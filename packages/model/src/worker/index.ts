/** `@inattention/model/worker`: models and sessions in a worker, by the same calls, so that a page stays responsive. */

export { connectModels, WorkerModel, WorkerModels, WorkerSession } from './connect-models.ts';
export { openLocation } from './open-location.ts';
export type {
  ModelDescription,
  ModelLocation,
  RemoteGenerateOptions,
  RemoteLoadOptions,
  SessionState,
} from './protocol.ts';
export type { BatchedSession, WorkerBatchOptions, WorkerBatchRequest } from './remote-batch.ts';
export { type ServeOptions, serveModels } from './serve-models.ts';

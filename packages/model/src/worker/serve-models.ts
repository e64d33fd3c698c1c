/**
 * The worker's side. A worker file is three lines:
 *
 *     import { createCpuBackend } from '@inattention/cpu';
 *     import { serveModels } from '@inattention/model/worker';
 *     serveModels({ candidates: [{ name: 'cpu', create: () => createCpuBackend() }] });
 */

import type { BackendCandidate } from '@inattention/core';
import { type Endpoint, expose } from 'comlink';
import type { GeneratedToken } from '../generation/continuation.ts';
import { generate } from '../generation/generate.ts';
import { loadModel } from '../load-model.ts';
import type { Model } from '../model.ts';
import type { Session } from '../session.ts';
import type { RunOptions } from '../session-decoder.ts';
import { ChosenBackend } from './chosen-backend.ts';
import { Handles } from './handles.ts';
import { openLocation } from './open-location.ts';
import {
  type ModelDescription,
  type ModelHost,
  type OnProgress,
  outcomeOf,
  type SessionState,
  sessionState,
} from './protocol.ts';
import { serveBatches } from './serve-batches.ts';

export interface ServeOptions {
  /** Backends to try, in order; the first that works is used for every model of this worker. */
  readonly candidates: readonly BackendCandidate[];
  /** Where to listen. Default: the worker's own scope; in Node pass `nodeEndpoint(parentPort)` of comlink. */
  readonly endpoint?: Endpoint;
}

/** Serves models, sessions and generations to `connectModels` on the other side. */
export function serveModels({ candidates, endpoint }: ServeOptions): void {
  const models = new Handles<Model>('model');
  const sessions = new Handles<Session>('session');
  const generations = new Handles<{ tokens: AsyncGenerator<GeneratedToken>; session: number; call: number }>(
    'generation',
  );
  const calls = new Map<number, AbortController>();
  const backends = new ChosenBackend(candidates);

  const cancellable = async <T>(
    call: number,
    onProgress: OnProgress,
    work: (options: RunOptions) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    calls.set(call, controller);
    try {
      return await work({ signal: controller.signal, onProgress });
    } finally {
      calls.delete(call);
    }
  };
  const stateOf = (handle: number): SessionState => sessionState(handle, sessions.get(handle));

  const host: ModelHost = {
    abort: (call) => calls.get(call)?.abort(),
    loadModel: (location, options, call, onProgress) =>
      outcomeOf(() =>
        cancellable(call, onProgress, async (run): Promise<ModelDescription> => {
          const { backend, reason } = await backends.get();
          const model = await loadModel(openLocation(location), backend, {
            ...options,
            ...(run.signal && { signal: run.signal }),
            ...(run.onProgress && { onProgress: run.onProgress }),
          });
          return {
            handle: models.add(model),
            config: model.config,
            weightDType: model.weightDType,
            tokenizerName: model.tokenizer?.name ?? null,
            fingerprint: await model.fingerprint(),
            backend: backend.name,
            device: backend.info.device,
            reason,
          };
        }),
      ),
    encode: (model, text) => outcomeOf(() => models.get(model).encode(text)),
    decode: (model, ids) => outcomeOf(() => models.get(model).decode(ids)),
    decodeEach: (model, ids) => outcomeOf(() => Array.from(ids, (id) => models.get(model).decode([id]))),
    createSession: (model, options) => outcomeOf(() => stateOf(sessions.add(models.get(model).createSession(options)))),
    restoreSession: (model, saved, call, onProgress) =>
      outcomeOf(() =>
        cancellable(call, onProgress, async (run) =>
          stateOf(sessions.add(await models.get(model).restoreSession(saved, run))),
        ),
      ),
    recover: (session, call, onProgress) =>
      outcomeOf(() =>
        cancellable(call, onProgress, async (run) => {
          const { model } = sessions.get(session);
          await sessions.get(session).recover(await backends.inPlaceOf(model.backend), run);
          return stateOf(session);
        }),
      ),
    append: (session, content, call, onProgress) =>
      outcomeOf(() =>
        cancellable(call, onProgress, async (run) => {
          await sessions.get(session).append(content, run);
          return stateOf(session);
        }),
      ),
    replace: (session, position, count, content) =>
      outcomeOf(async () => {
        await sessions.get(session).replace(position, count, content);
        return stateOf(session);
      }),
    fork: (session) => outcomeOf(async () => stateOf(sessions.add(await sessions.get(session).fork()))),
    save: (session) => outcomeOf(() => sessions.get(session).save()),
    logitsAt: (session, positions, call, onProgress) =>
      outcomeOf(() => cancellable(call, onProgress, (run) => sessions.get(session).logitsAt(positions, run))),
    attentionWeights: (session, layer, position) =>
      outcomeOf(() => sessions.get(session).attentionWeights(layer, position)),
    startGeneration: (session, options, call) =>
      outcomeOf(() => {
        const controller = new AbortController();
        calls.set(call, controller);
        const { model } = sessions.get(session);
        const recover = () => backends.inPlaceOf(model.backend);
        const tokens = generate(sessions.get(session), { ...options, recover, signal: controller.signal });
        return generations.add({ tokens, session, call });
      }),
    nextToken: (generation) =>
      outcomeOf(async () => {
        const { tokens, session } = generations.get(generation);
        const next = await tokens.next();
        return next.done ? null : { token: next.value, state: stateOf(session) };
      }),
    endGeneration: (generation) =>
      outcomeOf(async () => {
        const { tokens, call } = generations.get(generation);
        generations.delete(generation);
        calls.delete(call);
        await tokens.return(undefined);
      }),
    ...serveBatches({ models, sessions, calls }),
    disposeSession: (session) =>
      outcomeOf(() => {
        sessions.get(session).dispose();
        sessions.delete(session);
      }),
    disposeModel: (model) =>
      outcomeOf(() => {
        models.get(model).dispose();
        models.delete(model);
      }),
  };
  expose(host, endpoint);
}

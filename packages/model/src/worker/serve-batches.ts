/** The worker's side of batches: each is a `generateBatch` that gets its requests from a queue. */

import type { BatchEvent } from '../generation/batch-requests.ts';
import { generateBatch } from '../generation/generate-batch.ts';
import type { Model } from '../model.ts';
import type { Session } from '../session.ts';
import { Handles } from './handles.ts';
import { type ModelHost, outcomeOf, type RemoteBatchEvent, serializeError, sessionState } from './protocol.ts';
import { RequestQueue } from './request-queue.ts';

interface Batch {
  readonly queue: RequestQueue;
  readonly events: AsyncGenerator<BatchEvent>;
  /** Numbers of the calls that can be aborted: the batch's, then its requests'. */
  readonly calls: number[];
  /** Sessions that requests continue, with their handles, by the number of the request. */
  readonly sessions: Map<number, { readonly handle: number; readonly session: Session }>;
  /** Requests so far. */
  count: number;
}

export interface ServedParts {
  readonly models: Handles<Model>;
  readonly sessions: Handles<Session>;
  /** What `abort` aborts. */
  readonly calls: Map<number, AbortController>;
}

type BatchCalls = Pick<ModelHost, 'startBatch' | 'addRequest' | 'endRequests' | 'nextBatchEvent' | 'endBatch'>;

export function serveBatches({ models, sessions, calls }: ServedParts): BatchCalls {
  const batches = new Handles<Batch>('batch');
  const controllerOf = (call: number): AbortController => {
    const controller = new AbortController();
    calls.set(call, controller);
    return controller;
  };
  return {
    startBatch: (handle, options, call) =>
      outcomeOf(() => {
        const queue = new RequestQueue();
        const events = generateBatch(models.get(handle), queue, { ...options, signal: controllerOf(call).signal });
        return batches.add({ queue, events, calls: [call], sessions: new Map(), count: 0 });
      }),
    addRequest: (handle, request, call) =>
      outcomeOf(async () => {
        const batch = batches.get(handle);
        const { session: number, aborted, ...options } = request;
        const session = number === undefined ? undefined : sessions.get(number);
        if (number !== undefined && session !== undefined) batch.sessions.set(batch.count, { handle: number, session });
        batch.count += 1;
        batch.calls.push(call);
        const controller = controllerOf(call);
        if (aborted) controller.abort();
        await batch.queue.add({ ...options, signal: controller.signal, ...(session !== undefined && { session }) });
      }),
    endRequests: (handle) => outcomeOf(() => batches.get(handle).queue.end()),
    nextBatchEvent: (handle) =>
      outcomeOf(async () => {
        const { events, sessions: given } = batches.get(handle);
        const next = await events.next();
        return next.done === true ? null : remoteEvent(next.value, given);
      }),
    endBatch: (handle) =>
      outcomeOf(async () => {
        const { queue, events, calls: own } = batches.get(handle);
        batches.delete(handle);
        await queue.return();
        await events.return(undefined);
        for (const call of own) calls.delete(call);
      }),
  };
}

function remoteEvent(event: BatchEvent, sessions: Batch['sessions']): RemoteBatchEvent {
  const { index } = event;
  if ('error' in event) return { index, error: serializeError(event.error) };
  const { index: _, ...token } = event;
  const given = sessions.get(index);
  return { index, token, state: given === undefined ? null : sessionState(given.handle, given.session) };
}

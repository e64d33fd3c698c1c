/**
 * Continues many sessions of one model at once: each step runs all of them through the layers in one pass. Requests
 * join and leave between steps, so that none waits for the longest of its batch ("iteration-level scheduling": Yu et
 * al., Orca, OSDI 2022).
 */

import { InvalidArgumentError, throwIfAborted } from '@inattention/core';
import { checkLogits } from '../logit-rows.ts';
import type { Model } from '../model.ts';
import { Session } from '../session.ts';
import { yieldToEventLoop } from '../yield-to-event-loop.ts';
import { BatchEntrance, type BatchMember } from './batch-entrance.ts';
import type { BatchEvent, BatchRequest } from './batch-requests.ts';

export interface BatchOptions {
  /** Ends the whole batch with AbortedError. */
  readonly signal?: AbortSignal;
  /** Requests worked on at a time at most, those that still read their prompt included. Default 16. */
  readonly maxBatch?: number;
}

/**
 * Generates for every request what `generate` would for it alone, to rounding of the logits, as tokens come. Requests
 * are a list, or come when they do; one is asked for only when there is room. A request that fails or is cancelled ends
 * with its error, and the others go on. Leaving the loop ends the batch: sessions made for requests are disposed of,
 * given ones keep the tokens handed out and stay usable.
 */
export async function* generateBatch(
  model: Model,
  requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>,
  { signal, maxBatch = 16 }: BatchOptions = {},
): AsyncGenerator<BatchEvent> {
  if (!Number.isInteger(maxBatch) || maxBatch < 1) {
    throw new InvalidArgumentError({ what: 'maxBatch is a whole number from 1 up.', got: String(maxBatch) });
  }
  throwIfAborted(signal, 'Generation');
  const entrance = new BatchEntrance(model, requests);
  const members = new Set<BatchMember>();
  try {
    while (true) {
      entrance.admit(maxBatch - members.size);
      if (members.size === 0) await entrance.change(signal);
      else await yieldToEventLoop();
      throwIfAborted(signal, 'Generation');
      const events: BatchEvent[] = [];
      for (const arrived of entrance.take()) {
        if ('error' in arrived) events.push(arrived);
        else members.add(arrived);
      }
      if (members.size === 0 && events.length === 0 && !entrance.open) return;
      events.push(...(await step([...members])));
      for (const member of members) {
        const failed = events.some((event) => event.index === member.index && 'error' in event);
        if (!failed && !member.continuation.finished) continue;
        member.leave();
        members.delete(member);
      }
      yield* events;
    }
  } finally {
    await entrance.close();
    for (const member of members) member.leave();
  }
}

/** The next token of every member, or why it has none. */
async function step(members: readonly BatchMember[]): Promise<BatchEvent[]> {
  const running = members.filter(({ continuation }) => !continuation.finished);
  const outcomes = await nextLogits(running);
  return Promise.all(
    running.map(async ({ index, continuation, signal }, order) => {
      try {
        const logits = outcomes[order] as Outcome;
        if ('error' in logits) throw logits.error;
        throwIfAborted(signal, 'Generation');
        checkLogits(logits, continuation.session.length - 1);
        return { index, ...(await continuation.take(logits)) };
      } catch (error) {
        return { index, error };
      }
    }),
  );
}

type Outcome = Float32Array | { readonly error: unknown };

/** Logits of all members in one pass; those it does not take, or all if it fails, each by itself with its own error. */
async function nextLogits(members: readonly BatchMember[]): Promise<Outcome[]> {
  const able = members.filter(({ continuation, signal }) => !continuation.session.disposed && signal?.aborted !== true);
  const rows = await Session.nextLogitsUnchecked(able.map(({ continuation }) => continuation.session)).catch(
    () => null,
  );
  const outcomes: Outcome[] = [];
  for (const member of members) outcomes.push(rows?.[able.indexOf(member)] ?? (await nextLogitsAlone(member)));
  return outcomes;
}

async function nextLogitsAlone({ continuation, signal }: BatchMember): Promise<Outcome> {
  try {
    const [logits] = await Session.nextLogitsUnchecked([continuation.session], { signal });
    return logits as Float32Array;
  } catch (error) {
    return { error };
  }
}

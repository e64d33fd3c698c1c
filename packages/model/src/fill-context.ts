/** A context that grows by many ids: refused before anything changes, piece by piece, and as it was when that fails. */

import { BudgetExceededError, throwIfAborted } from '@inattention/core';
import { type Context, contextBytes } from '@inattention/core/math';
import type { RunOptions } from './session-decoder.ts';
import { yieldToEventLoop } from './yield-to-event-loop.ts';

/** Ids appended at a time, so that long appends report progress and can be cancelled. */
const appendPiece = 4096;

/** Refuses a context of `length` ids that the budget (bytes) or the backend has no room for. */
export async function admit(context: Context, length: number, budget: number): Promise<void> {
  const { mode, dtype, model } = context;
  const bytes = contextBytes(model.config, mode, length, dtype);
  if (bytes > budget) {
    throw new BudgetExceededError({
      what: `A context of ${length} ids in mode "${mode}" is over its budget.`,
      got: `${bytes} bytes`,
      expected: `at most ${budget} bytes`,
      fix: 'raise the budget, shorten the context, or choose a smaller mode (see plan())',
      requiredBytes: bytes,
      budgetBytes: budget,
    });
  }
  await model.operations.backend.reserve(Math.max(0, bytes - context.byteLength));
}

/** Appends to a context. Throws with it as it was, and with the tables as they were but for rows that others use. */
export async function fill(context: Context, ids: Int32Array, { signal, onProgress }: RunOptions): Promise<void> {
  const before = context.length;
  const marks = context.model.markTables();
  let late = false;
  try {
    for (let done = 0; done < ids.length; ) {
      const piece = ids.subarray(done, done + appendPiece);
      context.append(piece);
      done += piece.length;
      onProgress?.({ stage: 'append', done, total: ids.length });
      if (done < ids.length) {
        await yieldToEventLoop();
        throwIfAborted(signal, 'Appending');
      }
    }
    late = true;
    const { backend } = context.model.operations;
    await (backend.settle?.() ?? backend.sync());
  } catch (error) {
    if (context.length > before) context.replace(before, context.length - before, new Int32Array(0));
    context.model.rollBackTables(marks, late);
    throw error;
  }
}

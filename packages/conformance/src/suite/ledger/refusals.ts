/** Work that a session refuses: which error says so, and that nothing has changed. */

import { InAttentionError } from '@inattention/core';
import { Session } from '@inattention/model';
import { expectFailure, expectThat } from '../assertions.ts';
import { randomIds } from '../small-models.ts';
import type { LedgerAction } from './ledger-actions.ts';
import { limit, type Member } from './member.ts';

/** Ids of an append that are taken before the next are looked at. */
const appendPiece = 4096;

/** Has `member` refuse something; returns the code of the error. */
export async function refuse(member: Member, why: (LedgerAction & { kind: 'refuse' })['why']): Promise<string> {
  const { session, mirror } = member;
  const { model } = session;
  const { length } = mirror.ids;
  const { vocabSize, positionEmbeddingType, maxPositionEmbeddings } = model.config;
  if (why === 'ids') {
    await expectFailure(() => session.append([1, vocabSize]), 'TOKEN_OUT_OF_RANGE', 'an append of a bad id');
    await expectFailure(() => session.replace(0, 0, [-1]), 'TOKEN_OUT_OF_RANGE', 'an edit with a bad id');
    return 'TOKEN_OUT_OF_RANGE';
  }
  if (why === 'file') {
    const saved = await session.save();
    const restore = () => model.restoreSession({ ...saved, model: 'another' });
    await expectFailure(restore, 'INVALID_FILE', "another model's session");
    return 'INVALID_FILE';
  }
  if (why === 'budget' && Number.isFinite(session.budget)) {
    const ids = randomIds(limit + 1, vocabSize, length);
    await expectFailure(() => session.append(ids), 'BUDGET_EXCEEDED', 'an append over the budget');
    await expectFailure(() => session.insert(0, ids), 'BUDGET_EXCEEDED', 'an edit over the budget');
    return 'BUDGET_EXCEEDED';
  }
  if (why === 'length' && positionEmbeddingType === 'learned' && !Number.isFinite(session.budget)) {
    return tooLong(member, maxPositionEmbeddings + 1 - length);
  }
  const invalid: [string, () => Promise<unknown>][] = [
    ['an edit beyond the end', () => session.replace(length, 1, [1])],
    ['an edit between ids', () => session.replace(length + 0.5, 0, [1])],
    ['logits beyond the end', () => session.logitsAt([length])],
    ['logits of a session twice', () => Session.nextLogits([session, session])],
  ];
  for (const [what, work] of invalid) await expectFailure(work, 'INVALID_ARGUMENT', what);
  return 'INVALID_ARGUMENT';
}

/** More ids than there are positions: refused at the second piece, when the first one is taken back; or by a table. */
async function tooLong({ session, mirror }: Member, count: number): Promise<string> {
  let done = 0;
  const onProgress = (progress: { readonly done: number }) => {
    ({ done } = progress);
  };
  const outcome = await session.append(new Int32Array(count), { onProgress }).catch((error: unknown) => error);
  const refused = mirror.mode === 'tables' && InAttentionError.isInstance(outcome, 'BUDGET_EXCEEDED');
  expectThat(refused || InAttentionError.isInstance(outcome, 'UNSUPPORTED'), `It ended with ${String(outcome)}.`);
  expectThat(done <= appendPiece, `${done} ids were taken before the refusal.`);
  if (done > 0) mirror.attempt(Array.from({ length: done }, () => 0));
  return refused ? 'BUDGET_EXCEEDED' : 'UNSUPPORTED';
}

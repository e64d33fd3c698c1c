/** What a session must equal: a fresh one over the same ids, and what plan() says it takes. */

import type { ContextPlanRow } from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import { expectSame, expectThat } from '../assertions.ts';
import type { Trial } from '../conformance-group.ts';

/** Ids, and the logits at the last position and at a few before it, are those of a fresh `kv` session over `ids`. */
export async function expectFresh(
  { expectClose }: Pick<Trial, 'expectClose'>,
  session: Session,
  ids: readonly number[],
  what: string,
): Promise<void> {
  expectSame(session.tokens, ids, `ids, ${what}`);
  if (ids.length === 0) return;
  const { model, dtype } = session;
  using fresh = model.createSession({ context: 'kv' });
  await fresh.append(ids);
  const places = new Set([ids.length - 1, ids.length >> 1, Math.max(0, ids.length - 2), 0]);
  const expected = await fresh.logitsAt([...places]);
  const got = await session.logitsAt([...places]);
  got.forEach((logits, place) => {
    const row = expected[place] as Float32Array;
    expectThat(spreadOf(row) > 0.3, `The logits of ${what} are all alike.`);
    expectClose(logits, row, { operation: 'logits', dtype, what: `${what}, position ${[...places][place]}` });
  });
}

/** The difference between the largest and the smallest logit. */
function spreadOf(logits: Float32Array): number {
  return logits.reduce((most, x) => Math.max(most, x)) - logits.reduce((least, x) => Math.min(least, x));
}

/** What plan() says of a session's mode for `ids`. */
export function plannedRow(session: Session, ids: readonly number[], distinct = new Set(ids).size): ContextPlanRow {
  const plan = session.model.plan({ tokens: ids.length, distinct, dtype: session.dtype });
  const row = plan.rows.find(({ mode }) => mode === session.mode);
  expectThat(row !== undefined, `plan() has no row for ${session.mode}.`);
  return row;
}

/** The ledger counts, to the byte, what plan() says of the model's only session; nothing else is live. */
export function expectPlanned(model: Model, session: Session, ids: readonly number[], what: string): void {
  const row = plannedRow(session, ids);
  const { live, host } = model.backend.ledger.snapshot();
  expectSame(live.context, row.contextBytes, `context bytes, ${what}`);
  expectSame(session.contextBytes, row.contextBytes, `the session's own count of them, ${what}`);
  expectSame(live.table, row.tableBytes, `table bytes, ${what}`);
  expectSame(session.tableBytes, row.tableBytes, `the session's own count of them, ${what}`);
  expectSame(live.weights, row.weightBytes, `weight bytes, ${what}`);
  expectSame(host, row.hostBytes, `host bytes, ${what}`);
  const others = live.activations + live.scratch + live.gradients + live.optimizer;
  expectSame(others, 0, `other bytes, ${what}`);
}

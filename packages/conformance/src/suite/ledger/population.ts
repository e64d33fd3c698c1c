/** Sessions of one model with their mirrors, and everything that can be done to them. */

import { InAttentionError } from '@inattention/core';
import { type ContextMode, contextBytes, tableBytes } from '@inattention/core/math';
import { type Model, type Progress, parseSession, Session, serializeSession } from '@inattention/model';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import { randomIds } from '../small-models.ts';
import type { DrawnIds, LedgerAction } from './ledger-actions.ts';
import { limit, type Member } from './member.ts';
import { refuse } from './refusals.ts';
import { PopulationMirror, SessionMirror } from './session-mirror.ts';

/** Sessions at a time. */
const mostMembers = 5;

/** Sessions are not made longer than this. */
const longest = 1000;

/** Longer than the pieces an append is made in. */
const interrupted = 4100;

/** More than the positions whose logits are computed at a time. */
const manyPositions = 257;

/** The end of work for which a table has no room. */
export const tableRefused = 'a table is full';

export class Population {
  readonly model: Model;
  readonly tableBudget: number;
  readonly mirror: PopulationMirror;
  readonly members: Member[] = [];
  /** How work has ended, such as 'append: done'. */
  readonly ends = new Set<string>();
  #kind: LedgerAction['kind'] = 'create';

  /** `tableBudget`: that of the model's tables. */
  constructor(model: Model, tableBudget: number) {
    this.model = model;
    this.tableBudget = tableBudget;
    this.mirror = new PopulationMirror(model.config);
  }

  get #budgeted(): boolean {
    return this.tableBudget !== Number.POSITIVE_INFINITY;
  }

  /** Does it, to the session and to its mirror; returns the session it was done to, if that is still there. */
  async perform(action: LedgerAction): Promise<Member | null> {
    const chosen = this.members[action.which % Math.max(1, this.members.length)];
    this.#kind = action.kind;
    if (action.kind === 'create' || chosen === undefined) {
      const { mode, dtype, limited } =
        action.kind === 'create' ? action : ({ mode: 'tables', dtype: 'f32', limited: false } as const);
      const budget = limited ? contextBytes(this.model.config, mode, limit, dtype) : Number.POSITIVE_INFINITY;
      return this.#make(this.model.createSession({ context: mode, dtype, budget }));
    }
    switch (action.kind) {
      case 'append':
        await this.#append(chosen, this.#draw(action.ids, longest - chosen.mirror.ids.length));
        break;
      case 'edit':
        await this.#edit(chosen, action);
        break;
      case 'decode':
        await this.#decode(chosen);
        break;
      case 'together':
        await this.#together();
        break;
      case 'fork':
        this.#adopt({ session: await chosen.session.fork(), mirror: chosen.mirror.fork() });
        break;
      case 'dispose':
        this.#remove(chosen);
        return null;
      case 'restore':
        return this.#restore(chosen, action.mode);
      case 'weights':
        await this.#changeWeights();
        break;
      case 'cancel':
        await this.#cancel(chosen, action.what);
        break;
      case 'interrupt':
      case 'depart':
        await this.#leaveMidway(chosen, action);
        break;
      case 'refuse': {
        const table = this.model.tableBytes;
        this.#count(await refuse(chosen, action.why));
        if (action.why !== 'length') expectSame(this.model.tableBytes, table, 'bytes of tables after a refusal');
      }
    }
    return this.members.includes(chosen) ? chosen : null;
  }

  /**
   * Tables have the rows of all they have seen; with a budget, each at least those of the ids and positions in use, and
   * never more than that budget.
   */
  expectTables(what: string): void {
    const { bytes } = this.mirror.tables;
    const { tableBytes: got } = this.model;
    if (!this.#budgeted) expectSame(got, bytes, `tables ${what}`);
    if (!this.#budgeted) return;
    expectThat(got <= bytes, `Tables have ${got} bytes, all they have seen takes ${bytes}, ${what}`);
    for (const dtype of ['f32', 'f16'] as const) {
      const users = this.members.filter(({ mirror }) => mirror.mode === 'tables' && mirror.dtype === dtype);
      const ids = new Set(users.flatMap(({ mirror }) => mirror.ids));
      const positions = Math.max(0, ...users.map(({ mirror }) => mirror.ids.length));
      const used = tableBytes(this.model.config, ids.size, positions, dtype);
      const { byteLength } = this.model.contextModel.table(dtype);
      const allowed = `${used} in use, ${this.tableBudget} allowed`;
      expectThat(
        byteLength >= used && byteLength <= this.tableBudget,
        `A table has ${byteLength} bytes, ${allowed}, ${what}`,
      );
    }
  }

  dispose(): void {
    for (const member of [...this.members]) this.#remove(member);
  }

  #make(session: Session): Member {
    const member = { session, mirror: new SessionMirror(this.mirror, session.mode, session.dtype) };
    this.#adopt(member);
    return member;
  }

  #adopt(member: Member): void {
    const [oldest] = this.members;
    if (this.members.length >= mostMembers && oldest !== undefined) this.#remove(oldest);
    this.members.push(member);
    this.#count('done');
  }

  #remove(member: Member): void {
    member.session.dispose();
    member.mirror.dispose();
    this.members.splice(this.members.indexOf(member), 1);
  }

  #draw({ count, bound, seed }: DrawnIds, most: number): number[] {
    return randomIds(Math.max(0, Math.min(count, most)), bound, seed);
  }

  #count(end: string): void {
    this.ends.add(`${this.#kind}: ${end}`);
  }

  /** Tables with a budget may refuse `work`, with nothing changed; returns whether it was done. */
  async #admitted(work: () => Promise<unknown>): Promise<boolean> {
    const table = this.model.tableBytes;
    try {
      await work();
      this.#count('done');
      return true;
    } catch (error) {
      if (!this.#budgeted || !InAttentionError.isInstance(error, 'BUDGET_EXCEEDED')) throw error;
      expectThat(error.message.includes('table'), `Refused for something else than a table: ${error.message}`);
      expectSame(this.model.tableBytes, table, 'bytes of tables after a refusal');
      this.ends.add(tableRefused);
      return false;
    }
  }

  async #append({ session, mirror }: Member, ids: readonly number[]): Promise<void> {
    if (await this.#admitted(() => session.append(ids))) mirror.append(ids);
  }

  async #edit({ session, mirror }: Member, action: LedgerAction & { kind: 'edit' }): Promise<void> {
    const { length } = mirror.ids;
    const start = Math.floor((action.at * length) / 1000);
    const count = Math.min(action.count, length - start);
    const ids = this.#draw(action.ids, longest - length + count);
    if (await this.#admitted(() => session.replace(start, count, ids))) mirror.edit(start, count, ids);
  }

  async #decode(member: Member): Promise<void> {
    const { session, mirror } = member;
    if (mirror.ids.length === 0) return this.#append(member, [1]);
    const logits = await session.nextLogits();
    mirror.prefill();
    const best = logits.reduce((most, logit, id) => (logit > (logits[most] as number) ? id : most), 0);
    if (mirror.ids.length < limit) await this.#append(member, [best]);
  }

  async #together(): Promise<void> {
    const full = this.members.filter(({ mirror }) => mirror.ids.length > 0);
    await Session.nextLogits(full.map(({ session }) => session));
    for (const { mirror } of full) mirror.prefill();
    this.#count('done');
  }

  /** Saves, disposes of the session and makes it again, in the same mode or another. */
  async #restore(member: Member, mode: ContextMode): Promise<Member | null> {
    const saved = parseSession(serializeSession(await member.session.save()));
    const { ids, dtype } = member.mirror;
    this.#remove(member);
    let restored: Session | undefined;
    const restore = async () => {
      restored = await this.model.restoreSession(saved, { context: mode });
    };
    if (!(await this.#admitted(restore)) || restored === undefined) return null;
    expectSame(restored.dtype, dtype, 'dtype of a restored session');
    const made = this.#make(restored);
    made.mirror.append(ids);
    return made;
  }

  /**
   * Weights that all keys depend on change sign. Where tables have a budget all sessions notice at once: what one adds
   * might else leave no room for another.
   */
  async #changeWeights(): Promise<void> {
    const { weights, contextModel } = this.model;
    for (const { norm } of weights.layers) norm.write((await norm.readFloat32()).map((x) => -x));
    contextModel.invalidate();
    this.mirror.invalidate();
    for (const { session, mirror } of this.#budgeted ? this.members : []) {
      await session.replace(0, 0, []);
      mirror.refresh();
      expectSame(this.model.tableBytes, this.model.backend.ledger.live('table'), 'bytes of tables, old and new');
    }
    this.#count('done');
  }

  async #cancel({ session, mirror }: Member, what: 'append' | 'logits' | 'restore'): Promise<void> {
    const signal = AbortSignal.abort();
    const saved = await session.save();
    const works: Record<typeof what, () => Promise<unknown>> = {
      append: () => session.append([1, 2, 3], { signal }),
      logits: () => session.nextLogits({ signal }),
      restore: () => this.model.restoreSession(saved, { signal }),
    };
    // Without anything to prefill or to compute there is another error, or none.
    if (what === 'logits' && mirror.ids.length === 0) return;
    await expectFailure(works[what], 'ABORTED', `${what}, cancelled`);
    if (what === 'logits') mirror.refresh();
    this.#count('ABORTED');
  }

  /** At the first report of progress the signal is aborted, or the session disposed of. */
  async #leaveMidway(
    member: Member,
    { kind, what, seed }: LedgerAction & { kind: 'interrupt' | 'depart' },
  ): Promise<void> {
    const { session, mirror } = member;
    const controller = new AbortController();
    let done = 0;
    const onProgress = (progress: Progress) => {
      if (done > 0) return;
      ({ done } = progress);
      expectSame(this.model.tableBytes, this.model.backend.ledger.live('table'), 'bytes of tables half way');
      if (kind === 'depart') session.dispose();
      else controller.abort();
    };
    const options = { signal: controller.signal, onProgress };
    const last = mirror.ids.length - 1;
    const append = what === 'append' || last < 0;
    const ids = randomIds(interrupted, this.model.config.vocabSize, seed);
    const prefills = !append && mirror.unfilled > 0;
    const many = new Int32Array(manyPositions).fill(last);
    const code = kind === 'depart' ? 'DISPOSED' : 'ABORTED';
    const admitted = await this.#admitted(async () => {
      const work = append ? session.append(ids, options) : session.logitsAt(many, options);
      const outcome = await work.catch((error: unknown) => error);
      const refused = InAttentionError.isInstance(outcome, 'BUDGET_EXCEEDED');
      if (refused && mirror.mode === 'tables' && !Number.isFinite(session.budget)) throw outcome;
      const expected = append && Number.isFinite(session.budget) ? 'BUDGET_EXCEEDED' : code;
      expectThat(InAttentionError.isInstance(outcome, expected), `${kind} in ${what} ended with ${String(outcome)}.`);
    });
    this.#count(admitted ? (prefills ? 'prefill' : append ? 'append' : 'positions') : 'refused');
    if (!append) mirror.prefill(prefills ? done : undefined);
    else if (done > 0 && kind === 'interrupt') mirror.attempt(ids.slice(0, done));
    if (session.disposed) this.#remove(member);
  }
}

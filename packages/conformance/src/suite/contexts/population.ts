/** Sessions of one model with their mirrors, and everything that can be done to them. */

import { InAttentionError } from '@inattention/core';
import { type ContextDType, type ContextMode, contextBytes, tableBytes } from '@inattention/core/math';
import { type Model, type Progress, parseSession, type Session, serializeSession } from '@inattention/model';
import { expectFailure, expectSame, expectThat } from '../assertions.ts';
import { randomIds } from '../small-models.ts';
import { PopulationMirror, SessionMirror } from './session-mirror.ts';

/** Ids by the seed they are drawn with, below `bound`. */
interface Drawn {
  readonly count: number;
  readonly bound: number;
  readonly seed: number;
}

/** One thing done; `which` session is by remainder, places are in thousandths of its length. */
export type LedgerAction =
  | { readonly kind: 'append'; readonly which: number; readonly ids: Drawn }
  | { readonly kind: 'edit'; readonly which: number; readonly at: number; readonly count: number; readonly ids: Drawn }
  | { readonly kind: 'decode' | 'fork' | 'dispose'; readonly which: number }
  | {
      readonly kind: 'create';
      readonly which: number;
      readonly mode: ContextMode;
      readonly dtype: ContextDType;
      readonly limited: boolean;
    }
  | { readonly kind: 'restore'; readonly which: number; readonly mode: ContextMode }
  | { readonly kind: 'cancel'; readonly which: number; readonly what: 'append' | 'logits' | 'restore' }
  | { readonly kind: 'interrupt'; readonly which: number; readonly seed: number }
  | { readonly kind: 'refuse'; readonly which: number; readonly why: 'ids' | 'range' | 'budget' };

export interface Member {
  readonly session: Session;
  readonly mirror: SessionMirror;
}

/** Sessions at a time. */
const mostMembers = 5;

/** Sessions are not made longer than this. */
const longest = 1000;

/** What sessions with a budget have room for. */
const limit = 1024;

/** Longer than the pieces an append is made in. */
const interrupted = 4100;

export class Population {
  readonly model: Model;
  readonly tableBudget: number;
  readonly mirror: PopulationMirror;
  readonly members: Member[] = [];

  /** `tableBudget`: that of the model's tables. */
  constructor(model: Model, tableBudget: number) {
    this.model = model;
    this.tableBudget = tableBudget;
    this.mirror = new PopulationMirror(model.config);
  }

  /** Does it, to the session and to its mirror; returns the session it was done to, if that is still there. */
  async perform(action: LedgerAction): Promise<Member | null> {
    const chosen = this.members[action.which % Math.max(1, this.members.length)];
    if (action.kind === 'create' || chosen === undefined) {
      const { mode, dtype, limited } =
        action.kind === 'create' ? action : ({ mode: 'tables', dtype: 'f32', limited: false } as const);
      const budget = limited ? contextBytes(this.model.config, mode, limit, dtype) : Number.POSITIVE_INFINITY;
      this.#make(this.model.createSession({ context: mode, dtype, budget }));
      return this.members.at(-1) ?? null;
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
      case 'fork':
        this.#adopt({ session: await chosen.session.fork(), mirror: chosen.mirror.fork() });
        break;
      case 'dispose':
        this.#remove(chosen);
        return null;
      case 'restore':
        return this.#restore(chosen, action.mode);
      case 'cancel':
        await this.#cancel(chosen, action.what);
        break;
      case 'interrupt':
        await this.#interrupt(chosen, action.seed);
        break;
      case 'refuse':
        await refuse(chosen, action.why);
    }
    return this.members.includes(chosen) ? chosen : null;
  }

  /** Each table has at least the ids and positions in use, and at most what the budget allows. */
  expectTablesInBudget(what: string): void {
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
  }

  #remove(member: Member): void {
    member.session.dispose();
    member.mirror.dispose();
    this.members.splice(this.members.indexOf(member), 1);
  }

  #draw({ count, bound, seed }: Drawn, most: number): number[] {
    return randomIds(Math.max(0, Math.min(count, most)), bound, seed);
  }

  /** Tables with a budget may refuse `work`, with nothing changed; returns whether it was done. */
  async #admitted(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (InAttentionError.isInstance(error, 'BUDGET_EXCEEDED') && error.message.includes('table')) return false;
      throw error;
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

  async #cancel({ session, mirror }: Member, what: 'append' | 'logits' | 'restore'): Promise<void> {
    const { signal } = abortedController();
    const saved = await session.save();
    const works: Record<typeof what, () => Promise<unknown>> = {
      append: () => session.append([1, 2, 3], { signal }),
      logits: () => session.nextLogits({ signal }),
      restore: () => this.model.restoreSession(saved, { signal }),
    };
    // Without anything to prefill or to compute there is another error, or none.
    if (what === 'logits' && mirror.ids.length === 0) return;
    await expectFailure(works[what], 'ABORTED', `${what}, cancelled`);
  }

  /** Cancels in the middle: a prefill, where one takes several chunks, else a long append. */
  async #interrupt({ session, mirror }: Member, seed: number): Promise<void> {
    const controller = new AbortController();
    const onProgress = (_: Progress) => {
      this.expectTablesInBudget('half way');
      controller.abort();
    };
    const options = { signal: controller.signal, onProgress };
    if (mirror.unfilled > 256) {
      await expectFailure(() => session.nextLogits(options), 'ABORTED', 'a prefill, half way');
      mirror.prefill(1);
      return;
    }
    const ids = randomIds(interrupted, this.model.config.vocabSize, seed);
    let outcome: unknown;
    const done = await this.#admitted(async () => {
      outcome = await session.append(ids, options).catch((error: unknown) => error);
      if (InAttentionError.isInstance(outcome, 'BUDGET_EXCEEDED') && !Number.isFinite(session.budget)) throw outcome;
    });
    const code = Number.isFinite(session.budget) ? 'BUDGET_EXCEEDED' : 'ABORTED';
    if (done) expectThat(InAttentionError.isInstance(outcome, code), `A long append ended with ${String(outcome)}.`);
  }
}

async function refuse({ session, mirror }: Member, why: 'ids' | 'range' | 'budget'): Promise<void> {
  const { length } = mirror.ids;
  const { vocabSize } = session.model.config;
  if (why === 'ids') {
    await expectFailure(() => session.append([1, vocabSize]), 'TOKEN_OUT_OF_RANGE', 'an append of a bad id');
    await expectFailure(() => session.replace(0, 0, [-1]), 'TOKEN_OUT_OF_RANGE', 'an edit with a bad id');
  } else if (why === 'range' || !Number.isFinite(session.budget)) {
    await expectFailure(() => session.replace(length, 1, [1]), 'INVALID_ARGUMENT', 'an edit beyond the end');
    await expectFailure(() => session.logitsAt([length]), 'INVALID_ARGUMENT', 'logits beyond the end');
  } else {
    const ids = randomIds(limit + 1, vocabSize, length);
    await expectFailure(() => session.append(ids), 'BUDGET_EXCEEDED', 'an append over the budget');
    await expectFailure(() => session.insert(0, ids), 'BUDGET_EXCEEDED', 'an edit over the budget');
  }
}

function abortedController(): AbortController {
  const controller = new AbortController();
  controller.abort();
  return controller;
}

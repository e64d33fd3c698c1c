/**
 * Test support: a few sessions of one model to which anything may happen, with a mirror of each. `take` performs a step
 * on both; `check` compares all bytes of the ledger, by purpose, with what the mirrors say.
 */

import type { Backend } from '@inattention/core';
import { contextBytes, contextModes } from '@inattention/core/math';
import { expect } from 'vitest';
import type { Model } from '../src/model.ts';
import { parseSession, serializeSession } from '../src/saved-session.ts';
import { Session } from '../src/session.ts';
import { codeOf, expectClose } from './outcomes.ts';
import { SessionMirror } from './session-mirror.ts';
import { TableMirror } from './table-mirror.ts';

export const stepKinds = [
  'create',
  'append',
  'replace',
  'insert',
  'remove',
  'fork',
  'dispose',
  'restore',
  'decode',
  'cancel before',
  'cancel midway',
  'dispose midway',
  'refuse',
  'weights',
] as const;

/** What happens next. Numbers are taken modulo what there is to choose from. */
export interface Step {
  readonly kind: (typeof stepKinds)[number];
  readonly which: number;
  /** Place in thousandths of the length. */
  readonly at: number;
  /** Ids that go. */
  readonly removed: number;
  /** Ids that come. */
  readonly added: number;
  readonly choice: number;
}

interface Member {
  readonly session: Session;
  readonly mirror: SessionMirror;
}

const mostSessions = 5;
const mostIds = 900;

/** Ids of an append that is interrupted: they are taken in pieces of 4,096. */
const longAppend = 4100;

/** Positions of a model that learns them. */
export const longestLearned = 6000;

/** The memory of the CPU backend may exceed the peak of live bytes by this: growth by 1 MiB, holes, room taken ahead. */
const reservedBeyondPeak = 2 << 20;

export class SessionPopulation {
  /** How often each kind of step came to each end. */
  readonly ends = new Map<string, number>();
  readonly #backend: Backend;
  readonly #model: Model;
  readonly #tableBudget: number;
  readonly #weightBytes: number;
  readonly #members: Member[] = [];
  #last = '';
  readonly #tables: TableMirror;

  constructor(backend: Backend, model: Model, tableBudget = Number.POSITIVE_INFINITY) {
    this.#backend = backend;
    this.#model = model;
    this.#tableBudget = tableBudget;
    this.#weightBytes = backend.ledger.live('weights');
    this.#tables = new TableMirror(model.config, tableBudget);
  }

  async take(step: Step): Promise<void> {
    if (this.#members.length === 0) this.#create(step);
    const member = this.#members[step.which % this.#members.length] as Member;
    this.#last = step.kind;
    const { session, mirror } = member;
    const { length } = mirror.ids;
    const at = Math.floor((step.at * (length + 1)) / 1001);
    const count = Math.min(step.removed, length - at);
    const ids = this.#ids(step);
    switch (step.kind) {
      case 'create':
        return this.#create(step);
      case 'append':
        return this.#replace(step, member, length, 0, ids);
      case 'replace':
        return this.#replace(step, member, at, count, ids);
      case 'insert':
        return this.#replace(step, member, at, 0, ids);
      case 'remove':
        return this.#replace(step, member, at, count, []);
      case 'fork':
        return this.#add(await session.fork(), mirror.fork());
      case 'dispose':
        return this.#remove(member);
      case 'restore':
        return this.#restore(step, member);
      case 'decode':
        return this.#decode(step, member, at);
      case 'cancel before':
        return this.#cancelBefore(step, member, ids);
      case 'cancel midway':
        return this.#cancelMidway(step, member);
      case 'dispose midway':
        return this.#disposeMidway(step, member, ids);
      case 'refuse':
        return this.#refuse(step, member, at);
      case 'weights':
        return this.#newWeights();
    }
  }

  /** Every byte is accounted for. */
  check(): void {
    const { live, liveTotal, host, reserved, peakLive } = this.#backend.ledger.snapshot();
    const parts = new Map<object, number>();
    for (const { mirror } of this.#members) for (const [part, bytes] of mirror.parts) parts.set(part, bytes);
    const { tableBytes: table } = this.#model;
    expect({ ...live, host }).toEqual({
      weights: this.#weightBytes,
      table,
      context: [...parts.values()].reduce((sum, bytes) => sum + bytes, 0),
      activations: 0,
      gradients: 0,
      optimizer: 0,
      scratch: 0,
      host: this.#members.reduce((bytes, { mirror }) => bytes + mirror.hostBytes, 0),
    });
    for (const { session, mirror } of this.#members) {
      expect([session.length, session.contextBytes, session.hostBytes, session.tableBytes]).toEqual([
        mirror.ids.length,
        mirror.contextBytes,
        mirror.hostBytes,
        table,
      ]);
    }
    const [least, most] = this.#tables.bounds(this.#members.map(({ mirror }) => mirror));
    expect(table).toBeGreaterThanOrEqual(least);
    expect(table).toBeLessThanOrEqual(most);
    expect(liveTotal + reserved).toBeLessThanOrEqual(peakLive + reservedBeyondPeak);
  }

  /** A session's ids are the mirror's, and its logits those of a fresh session over them, which uses no table. */
  async checkLogits(choice: number): Promise<void> {
    if (this.#members.length === 0) return;
    const { session, mirror } = this.#members[choice % this.#members.length] as Member;
    expect([...session.tokens]).toEqual(mirror.ids);
    if (mirror.ids.length === 0) return;
    using fresh = this.#model.createSession({ context: 'kv' });
    await fresh.append(mirror.ids);
    const positions = [mirror.ids.length - 1, mirror.ids.length >> 1];
    const expected = await fresh.logitsAt(positions);
    const got = await session.logitsAt(positions);
    mirror.fill();
    got.forEach((logits, row) => {
      expectClose(logits, expected[row] as Float32Array, mirror.dtype);
    });
    this.#count('logits compared');
  }

  /** Everything goes, and nothing stays. */
  disposeAll(): void {
    for (const { session } of this.#members) session.dispose();
    const { contextModel } = this.#model;
    contextModel.rollBackTables(contextModel.markTables(), true); // gives up all rows that nobody uses
    const { live } = this.#backend.ledger.snapshot();
    expect([live.context, live.table]).toEqual([0, 0]);
    this.#model.dispose();
    const { liveTotal, host } = this.#backend.ledger.snapshot();
    expect([liveTotal, host]).toEqual([0, 0]);
  }

  #create({ choice }: Step): void {
    const mode = contextModes[choice % contextModes.length] ?? 'ids';
    const dtype = choice % 8 < 4 ? 'f32' : 'f16';
    this.#add(this.#model.createSession({ context: mode, dtype }), new SessionMirror(this.#model.config, mode, dtype));
  }

  async #replace(step: Step, member: Member, at: number, count: number, ids: readonly number[]): Promise<void> {
    const { session, mirror } = member;
    const { length } = mirror.ids;
    if (length - count + ids.length > mostIds) return this.#replace(step, member, at >> 1, length >> 1, []);
    const append = at === length && count === 0;
    const end = await this.#attempt(mirror, ids, () =>
      append ? session.append(ids) : session.replace(at, count, ids),
    );
    if (end === 'done') mirror.replace(at, count, ids);
  }

  async #restore({ choice }: Step, { session, mirror }: Member): Promise<void> {
    const saved = await session.save();
    const parsed = parseSession(serializeSession(saved));
    expect(parsed).toEqual(saved);
    const mode = choice % 3 === 0 ? (contextModes[choice % contextModes.length] ?? 'ids') : mirror.mode;
    const copy = new SessionMirror(this.#model.config, mode, mirror.dtype);
    const end = await this.#attempt(copy, mirror.ids, async () => {
      const restored = await this.#model.restoreSession(parsed, { context: mode });
      copy.replace(0, 0, mirror.ids);
      this.#add(restored, copy);
    });
    if (end !== 'done') copy.dispose();
  }

  async #decode(step: Step, member: Member, at: number): Promise<void> {
    const { session, mirror } = member;
    const full = this.#members.filter((one) => one.mirror.ids.length > 0);
    if (step.choice % 3 === 0) {
      await Session.nextLogits(full.map((one) => one.session));
      for (const one of full) one.mirror.fill();
    } else if (mirror.ids.length === 0) {
      expect(await codeOf(() => session.nextLogits())).toBe('INVALID_ARGUMENT');
    } else if (step.choice % 3 === 1) {
      await session.logitsAt([Math.min(at, mirror.ids.length - 1)]);
      mirror.fill();
    } else {
      const logits = await session.nextLogits();
      mirror.fill();
      await this.#replace(step, member, mirror.ids.length, 0, [logits.indexOf(Math.max(...logits))]);
    }
  }

  async #cancelBefore({ choice }: Step, { session, mirror }: Member, ids: readonly number[]): Promise<void> {
    const options = { signal: AbortSignal.abort() };
    const last = mirror.ids.length - 1;
    const work = [
      () => session.append(ids, options),
      async () => this.#model.restoreSession(await session.save(), options),
      () => session.nextLogits(options),
      () => session.logitsAt([last, 0], options),
    ];
    const table = this.#model.tableBytes;
    expect(await codeOf(work[choice % (last < 0 ? 2 : 4)] as () => Promise<unknown>)).toBe('ABORTED');
    expect(this.#model.tableBytes).toBe(table);
  }

  /** Cancelled at the first report: between pieces of an append, chunks of prefill, blocks of positions. */
  async #cancelMidway(step: Step, { session, mirror }: Member): Promise<void> {
    const controller = new AbortController();
    let done = 0;
    const onProgress = (progress: { readonly done: number }) => {
      ({ done } = progress);
      controller.abort();
    };
    const options = { signal: controller.signal, onProgress };
    const { length } = mirror.ids;
    if (length > 0 && mirror.selfLength < length) {
      expect(await codeOf(() => session.logitsAt([length - 1], options))).toBe('ABORTED');
      this.#count('prefill interrupted');
      mirror.fill(done);
    } else if (length > 0 && step.choice % 3 === 0) {
      expect(await codeOf(() => session.logitsAt(new Int32Array(257).fill(length - 1), options))).toBe('ABORTED');
      mirror.fill();
    } else {
      const ids = this.#ids({ ...step, added: longAppend });
      const end = await this.#attempt(mirror, ids, () => session.append(ids, options), 'ABORTED');
      expect(end).not.toBe('done');
      mirror.replace(length, 0, ids.slice(0, done));
      mirror.replace(length, done, []);
    }
  }

  /** Disposed of while work is under way, which then fails; what it had taken goes too. */
  async #disposeMidway(step: Step, member: Member, ids: readonly number[]): Promise<void> {
    const { session, mirror } = member;
    const { length } = mirror.ids;
    const onProgress = () => session.dispose();
    const long = this.#ids({ ...step, added: longAppend });
    const half = length >> 1;
    const soon = async (work: Promise<unknown>) => {
      for (let turn = step.added % 12; turn > 0; turn -= 1) await null;
      session.dispose();
      await work;
    };
    const work = [
      () => session.append(long, { onProgress }),
      () => soon(session.append(ids)),
      () => soon(session.replace(half, 0, ids)),
      () => soon(session.remove(half, length - half)),
      () => soon(session.nextLogits()),
      () => session.logitsAt(new Int32Array(length > 0 ? 600 : 0), { onProgress }),
    ];
    const end = await this.#attempt(
      mirror,
      step.choice % work.length === 0 ? long : ids,
      work[step.choice % work.length] as () => Promise<unknown>,
      'DISPOSED',
      'INVALID_ARGUMENT', // logits of nothing
    );
    if (end === 'DISPOSED') this.#count('disposed midway');
    this.#remove(member);
  }

  async #refuse(step: Step, { session, mirror }: Member, at: number): Promise<void> {
    const { vocabSize, positionEmbeddingType } = this.#model.config;
    const { length } = mirror.ids;
    const small = contextBytes(this.#model.config, 'states', 256, 'f32');
    using limited = this.#model.createSession({ context: 'states', budget: small });
    await limited.append(new Int32Array(256));
    const saved = await session.save();
    const refusals: [string, () => Promise<unknown>][] = [
      ['TOKEN_OUT_OF_RANGE', () => session.append([0, vocabSize])],
      ['TOKEN_OUT_OF_RANGE', () => session.replace(at, 0, [0, -1])],
      ['INVALID_ARGUMENT', () => session.insert(length + 1, [0])],
      ['INVALID_ARGUMENT', () => session.remove(at, length - at + 1)],
      ['INVALID_ARGUMENT', () => session.replace(at + 0.5, 0, [1])],
      ['INVALID_ARGUMENT', () => session.logitsAt([0, length])],
      ['INVALID_ARGUMENT', () => Session.nextLogits([session, session])],
      ['INVALID_FILE', () => this.#model.restoreSession({ ...saved, model: 'another' })],
      ['BUDGET_EXCEEDED', () => limited.append([0])],
      ['BUDGET_EXCEEDED', () => limited.replace(100, 1, [1, 2])],
    ];
    if (positionEmbeddingType === 'learned' && mirror.mode !== 'tables') {
      // Refused at its second piece: the first one is taken back.
      refusals.push(['UNSUPPORTED', () => session.append(new Int32Array(longestLearned + 1))]);
    }
    const [code, work] = refusals[step.choice % refusals.length] as (typeof refusals)[number];
    const table = this.#model.tableBytes;
    expect(await codeOf(work)).toBe(code);
    expect(this.#model.tableBytes).toBe(table);
    if (code !== 'UNSUPPORTED') return;
    mirror.replace(
      length,
      0,
      Array.from({ length: 4096 }, () => 0),
    );
    mirror.replace(length, 4096, []);
  }

  /** New weights: every session computes itself again. */
  async #newWeights(): Promise<void> {
    this.#model.contextModel.invalidate();
    this.#tables.forget();
    for (const { session, mirror } of this.#members) {
      this.#tables.see(mirror, mirror.ids);
      await session.replace(0, 0, []);
      mirror.refresh();
    }
  }

  /** Runs work that adds `ids`; besides the codes expected, a table's budget may refuse it, and then nothing changed. */
  async #attempt(
    mirror: SessionMirror,
    ids: readonly number[],
    work: () => Promise<unknown>,
    ...expected: readonly string[]
  ): Promise<string> {
    this.#tables.see(mirror, ids);
    const before = this.#model.tableBytes;
    const end = await codeOf(work);
    this.#count(`${this.#last}: ${end}`);
    const refusable = mirror.mode === 'tables' && this.#tableBudget < Number.POSITIVE_INFINITY;
    expect(['done', ...expected, ...(refusable ? ['BUDGET_EXCEEDED'] : [])]).toContain(end);
    if (end === 'BUDGET_EXCEEDED' && ids.length <= 4096) expect(this.#model.tableBytes).toBe(before);
    return end;
  }

  #add(session: Session, mirror: SessionMirror): void {
    if (this.#members.length === mostSessions) this.#remove(this.#members[0] as Member);
    this.#members.push({ session, mirror });
  }

  #remove(member: Member): void {
    member.session.dispose();
    member.mirror.dispose();
    this.#members.splice(this.#members.indexOf(member), 1);
  }

  /** An arithmetic progression, of few distinct ids or many. */
  #ids({ added, choice, which }: Step): number[] {
    const { vocabSize } = this.#model.config;
    const range = choice % 5 < 2 ? 40 : vocabSize;
    return Array.from({ length: added }, (_, i) => (which + i * (1 + (choice % 7))) % range);
  }

  #count(end: string): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }
}

/**
 * Forced decode in several backends and context modes at once: every run is given the text token by token, and after each
 * the tokens that they take for the most likely next ones are compared with those of the first run, the reference.
 */

import { AbortedError, type Backend, InvalidArgumentError, throwIfAborted } from '@inattention/core';
import { type ContextMode, parameterCount } from '@inattention/core/math';
import type { Model, Session } from '@inattention/model';
import {
  type AgreementResult,
  type AgreementRow,
  type AgreementRun,
  agreementSchema,
  type Disagreement,
} from './agreement-result.ts';

export interface AgreementOptions {
  readonly name: string;
  /** The same model on each backend, which stay the caller's. The first backend's first mode is the reference. */
  readonly models: readonly Model[];
  readonly modes: readonly ContextMode[];
  readonly text: { readonly name: string; readonly ids: Int32Array };
  readonly environment: AgreementResult['environment'];
  readonly signal?: AbortSignal;
  /** Told how many positions were compared. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told the result so far now and then, and when the run ends early: before it throws. */
  readonly onPartial?: (result: AgreementResult) => void;
}

/** Disagreements that are kept. */
const mostKept = 20;
/** Positions between partial results. */
const partialEvery = 16;

interface Running {
  readonly run: AgreementRun;
  readonly session: Session;
  readonly disagreements: Disagreement[];
  agreed: number;
  largestDifference: number;
}

/** Throws InvalidArgumentError for fewer than two runs or no text, AbortedError, and what sessions throw. */
export async function runAgreement(options: AgreementOptions): Promise<AgreementResult> {
  const { name, models, modes, text, environment, signal, onProgress, onPartial } = options;
  const [first] = models;
  if (first === undefined || models.length * modes.length < 2 || text.ids.length === 0) {
    throw new InvalidArgumentError({
      what: 'There is nothing to compare.',
      got: `${models.length * modes.length} runs over ${text.ids.length} tokens`,
      expected: 'two backends or two context modes, and a text',
    });
  }
  const created = new Date().toISOString();
  const { config } = first;
  const running: Running[] = [];
  let positions = 0;
  const result = (interrupted?: string): AgreementResult => ({
    schema: agreementSchema,
    created,
    ...(interrupted !== undefined && { interrupted }),
    environment,
    model: { name, parameters: parameterCount(config), vocabSize: config.vocabSize },
    text: { name: text.name, tokens: text.ids.length },
    reference: (running[0] as Running).run,
    rows: running.slice(1).map((one) => rowOf(one, positions)),
  });
  try {
    for (const model of models) {
      for (const mode of modes) running.push(startRun(model, mode));
    }
    for (const id of text.ids) {
      throwIfAborted(signal, 'The comparison');
      await comparePosition(running, id, positions + 1, signal);
      positions += 1;
      onProgress?.(positions, text.ids.length);
      if (positions % partialEvery === 0) onPartial?.(result('The comparison was still running.'));
    }
    return result();
  } catch (error) {
    const why = error instanceof AbortedError ? 'It was cancelled.' : `It failed: ${String(error)}`;
    if (positions > 0) onPartial?.(result(why));
    throw error;
  } finally {
    for (const { session } of running) session.dispose();
  }
}

function startRun(model: Model, mode: ContextMode): Running {
  const { backend } = model;
  const run = { backend: backend.name, device: backend.info.device, software: isSoftware(backend), mode };
  const session = model.createSession({ context: mode });
  return { run, session, disagreements: [], agreed: 0, largestDifference: 0 };
}

function isSoftware({ info }: Backend): boolean {
  return info.details.software === true;
}

async function comparePosition(
  running: readonly Running[],
  id: number,
  position: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let expected: Float32Array | null = null;
  let expectedId = 0;
  let scale = 0;
  for (const one of running) {
    await one.session.append([id], { signal });
    const logits = await one.session.nextLogits({ signal });
    const gotId = indexOfLargest(logits);
    if (expected === null) {
      expected = logits;
      expectedId = gotId;
      scale = logits.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
      continue;
    }
    one.largestDifference = Math.max(one.largestDifference, largestDifference(logits, expected) / scale);
    if (gotId === expectedId) one.agreed += 1;
    else if (one.disagreements.length < mostKept) {
      const margin = ((expected[expectedId] as number) - (expected[gotId] as number)) / scale;
      one.disagreements.push({ position, expectedId, gotId, margin });
    }
  }
}

function rowOf({ run, agreed, largestDifference, disagreements }: Running, positions: number): AgreementRow {
  return { ...run, agreed, positions, largestDifference, disagreements: [...disagreements] };
}

/** Of equal ones the first. */
function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let place = 1; place < values.length; place += 1) {
    if ((values[place] as number) > (values[best] as number)) best = place;
  }
  return best;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  let most = 0;
  for (let place = 0; place < a.length; place += 1) {
    most = Math.max(most, Math.abs((a[place] as number) - (b[place] as number)));
  }
  return most;
}

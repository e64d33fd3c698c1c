/** What a checkpoint of this page holds beside the run itself (run.json): where it began, its settings, what it has shown. */

import { InvalidFileError } from '@inattention/core';
import { choiceFields, defaultChoices, type TrainingChoices } from './training-choices.ts';
import type { RunDescription, Sample, TrainingHistory } from './training-protocol.ts';

export type RunRecord = Omit<RunDescription, 'stopped'> & { readonly version: 1 };

/** Throws InvalidFileError for what is no record. */
export function parseRunRecord(text: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused('no JSON', cause);
  }
  if (!isRecord(value) || value.version !== 1) throw refused('no version 1');
  const { modelName, choices, history } = value;
  if (typeof modelName !== 'string' || !isRecord(choices) || !isRecord(history)) throw refused('missing fields');
  return { version: 1, modelName, choices: parseChoices(choices), history: parseHistory(history) };
}

function parseChoices(given: Readonly<Record<string, unknown>>): TrainingChoices {
  const choices = { ...defaultChoices };
  for (const { name, min, max, step } of choiceFields) {
    const value = given[name];
    const fits =
      typeof value === 'number' && value >= min && value <= max && (step === 'any' || Number.isInteger(value));
    if (!fits) throw refused(`${name} of ${String(value)}`);
    Object.assign(choices, { [name]: value });
  }
  return choices;
}

function parseHistory({ losses, validation, samples }: Readonly<Record<string, unknown>>): TrainingHistory {
  if (!isListOf(losses, isNumber)) throw refused('losses that are no numbers');
  if (!isListOf(validation, isMeasured)) throw refused('validation losses that are no numbers');
  if (!isListOf(samples, isSample)) throw refused('samples that are no text');
  return { losses, validation, samples };
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every((item) => is(item));
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function isMeasured(value: unknown): value is { step: number; loss: number } {
  return isRecord(value) && Number.isFinite(value.step) && Number.isFinite(value.loss);
}

function isSample(value: unknown): value is Sample {
  return (
    isRecord(value) &&
    Number.isFinite(value.step) &&
    [value.prompt, value.text].every((text) => typeof text === 'string')
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(got: string, cause?: unknown): InvalidFileError {
  return new InvalidFileError({
    what: 'The checkpoint’s run.json is damaged.',
    got,
    expected: 'one that this page wrote',
    cause,
  });
}

/** What a student learns from: another model's logits on the same texts, computed without gradients. */

import { InvalidArgumentError, type Tensor } from '@inattention/core';
import { inattentionLayers } from '@inattention/core/math';
import type { Model } from '@inattention/model';
import type { Batch } from '../data/batch-source.ts';
import { lastHidden } from './batch-loss.ts';
import { computed } from './batch-operations.ts';
import { type ComputeOptions, openBatchContext } from './compute-options.ts';
import { type Segment, segmentsOfBatch } from './segments.ts';

/** How the loss of a student is made of both. Plain values. */
export interface DistillationSettings {
  /** T: logits of both are divided by it. Default 1. */
  readonly temperature?: number;
  /** Share of T² · KL(teacher ‖ student) in the loss; the rest is cross-entropy with the text. Default 1. */
  readonly weight?: number;
}

export interface Distillation extends DistillationSettings {
  /** On the student's backend, of the same vocabulary; not changed. */
  readonly teacher: Model;
}

/** Throws InvalidArgumentError for settings outside their domain. */
export function checkDistillationSettings({ temperature = 1, weight = 1 }: DistillationSettings): void {
  if (!(Number.isFinite(temperature) && temperature > 0)) {
    throw new InvalidArgumentError({
      what: 'The temperature of distillation divides logits.',
      got: String(temperature),
      expected: 'a number above 0',
    });
  }
  if (!(weight >= 0 && weight <= 1)) {
    throw new InvalidArgumentError({
      what: 'The weight of distillation is a share of the loss.',
      got: String(weight),
      expected: '0 to 1',
    });
  }
}

/** Throws InvalidArgumentError for a teacher that a student cannot learn from. */
export function checkTeacher(student: Model, teacher: Model): void {
  const refuse = (what: string, got: string, expected: string, fix: string): never => {
    throw new InvalidArgumentError({ what, got, expected, fix });
  };
  const [own, other] = [student.config.vocabSize, teacher.config.vocabSize];
  if (own !== other) {
    refuse(
      'The teacher has another vocabulary.',
      `${other} ids`,
      `${own} ids, as the student has`,
      'take a teacher of the same tokenizer',
    );
  }
  if (student.backend !== teacher.backend) {
    refuse(
      'The teacher is on another backend.',
      teacher.backend.name,
      `${student.backend.name}, and the same one`,
      'load both models onto one backend',
    );
  }
}

/**
 * Throws InvalidArgumentError where an id stands for another text in the teacher's tokenizer. Files that differ may well
 * mean the same: those of a GGUF file are made anew.
 */
export function checkTokenizers(student: Model, teacher: Model): void {
  const [own, other] = [student.tokenizer, teacher.tokenizer];
  if (own === null || other === null || own.fingerprint === other.fingerprint) return;
  const count = Math.min(own.vocabSize, other.vocabSize, student.config.vocabSize);
  for (let id = 0; id < count; id += 1) {
    const [text, taught] = [own.decode([id]), other.decode([id])];
    if (text === taught) continue;
    throw new InvalidArgumentError({
      what: 'The teacher has another tokenizer.',
      got: `${JSON.stringify(taught)} for id ${id}`,
      expected: JSON.stringify(text),
      fix: 'take a teacher of the same tokenizer',
    });
  }
}

/**
 * Normalised last hidden states of a teacher at the positions of a batch that count, [n, D]: a layer's activations live no
 * longer than the layer. Throws what `segmentsOfBatch` throws for texts that the teacher cannot take.
 */
export function teacherHidden(teacher: Model, batch: Batch, options: ComputeOptions): Tensor {
  const { config, weights, operations } = teacher;
  const segments: readonly Segment[] = segmentsOfBatch(batch, config, options.documents ?? 'separate');
  const pure = inattentionLayers(config).length === config.numHiddenLayers;
  using context = openBatchContext(teacher, segments, pure ? options : { ...options, context: 'dense' });
  const run = computed(operations.separate());
  return run.operations.scope(() => lastHidden(run, config, weights, context));
}

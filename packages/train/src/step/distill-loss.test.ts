import { EagerOperations, IndexTensor, Tensor } from '@inattention/core';
import { RecordingOperations } from '@inattention/core/autograd';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { Random } from '@inattention/model';
import { afterAll, describe, expect, it } from 'vitest';
import { distillLoss } from './distill-loss.ts';

const cpu = await createCpuBackend({ threads: 2 });
afterAll(() => cpu.dispose());

interface Case {
  readonly rows: number;
  readonly width: number;
  readonly vocab: number;
  readonly teacherWidth: number;
  readonly temperature: number;
  readonly weight: number;
  readonly factor: number;
}

interface Numbers {
  readonly hidden: Float32Array;
  readonly head: Float32Array;
  readonly teacherHidden: Float32Array;
  readonly teacherHead: Float32Array;
  readonly targets: Int32Array;
}

function numbersFor({ rows, width, vocab, teacherWidth }: Case): Numbers {
  const random = Random.seeded(rows * vocab);
  const normal = (length: number) => Float32Array.from({ length }, () => random.normal());
  return {
    hidden: normal(rows * width),
    head: normal(vocab * width),
    teacherHidden: normal(rows * teacherWidth),
    teacherHead: normal(vocab * teacherWidth),
    targets: Int32Array.from({ length: rows }, () => Math.floor(random.uniform() * vocab)),
  };
}

/** log softmax(h W_Uᵀ / T), a row of float64 for each row of hidden states. */
function logProbabilities(hidden: ArrayLike<number>, head: ArrayLike<number>, width: number, temperature: number) {
  const [rows, vocab] = [hidden.length / width, head.length / width];
  return Array.from({ length: rows }, (_, row) => {
    const logits = Array.from({ length: vocab }, (_, id) => {
      let sum = 0;
      for (let i = 0; i < width; i += 1) sum += (hidden[row * width + i] as number) * (head[id * width + i] as number);
      return sum / temperature;
    });
    const most = Math.max(...logits);
    const logSumExp = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
    return logits.map((logit) => logit - logSumExp);
  });
}

/** The formula, in float64. */
function lossOf(
  { width, teacherWidth, temperature, weight, factor }: Case,
  numbers: { readonly [name in keyof Numbers]: ArrayLike<number> },
): number {
  const plain = logProbabilities(numbers.hidden, numbers.head, width, 1);
  const student = logProbabilities(numbers.hidden, numbers.head, width, temperature);
  const teacher = logProbabilities(numbers.teacherHidden, numbers.teacherHead, teacherWidth, temperature);
  let loss = 0;
  teacher.forEach((row, place) => {
    const divergence = row.reduce((sum, log, id) => sum + Math.exp(log) * (log - (student[place]?.[id] as number)), 0);
    loss += weight * temperature ** 2 * divergence;
    loss -= (1 - weight) * (plain[place]?.[numbers.targets[place] as number] as number);
  });
  return factor * loss;
}

/** Loss and gradients on a backend. */
async function computed(operations: EagerOperations, settings: Case, numbers: Numbers) {
  const { backend } = operations;
  const { rows, width, vocab, teacherWidth, temperature, weight, factor } = settings;
  using hidden = Tensor.from(backend, numbers.hidden, [rows, width], 'activations');
  using head = Tensor.from(backend, numbers.head, [vocab, width], 'weights');
  using teacherHidden = Tensor.from(backend, numbers.teacherHidden, [rows, teacherWidth], 'activations');
  using teacherHead = Tensor.from(backend, numbers.teacherHead, [vocab, teacherWidth], 'weights');
  using targets = new IndexTensor(backend, numbers.targets);
  using recording = new RecordingOperations(operations);
  const [h, w] = [recording.parameter(hidden), recording.parameter(head)];
  const loss = recording.record([h, w], (run) =>
    distillLoss(
      run,
      hidden,
      head,
      targets,
      { hidden: teacherHidden, head: teacherHead },
      {
        ...{ temperature, weight, factor },
        wanted: { hidden: true, head: true },
      },
    ),
  );
  const [value = Number.NaN] = await loss.value.readFloat32();
  using gradients = recording.backward(loss);
  const read = async (tensor: Tensor | undefined) => (await tensor?.readFloat32()) ?? new Float32Array(0);
  return { loss: value, hidden: await read(gradients.get(h)), head: await read(gradients.get(w)) };
}

const small = { rows: 5, width: 6, vocab: 11, teacherWidth: 4, factor: 0.2 };

describe('the loss of distillation', () => {
  it.each<Case>([
    { ...small, temperature: 1, weight: 1 },
    { ...small, temperature: 2.5, weight: 1 },
    { ...small, temperature: 0.5, weight: 0.3 },
    { ...small, temperature: 1, weight: 0 },
  ])('and its gradients are those of the formula in float64: %o', async (settings) => {
    const numbers = numbersFor(settings);
    const expected = lossOf(settings, numbers);
    const nudged = (part: 'hidden' | 'head', place: number, by: number) => {
      const moved = Float64Array.from(numbers[part]);
      moved[place] = (moved[place] as number) + by;
      return lossOf(settings, { ...numbers, [part]: moved });
    };
    const slopes = (part: 'hidden' | 'head') =>
      Array.from(numbers[part], (_, place) => (nudged(part, place, 1e-5) - nudged(part, place, -1e-5)) / 2e-5);
    for (const backend of [cpu, createHostBackend()]) {
      const got = await computed(new EagerOperations(backend), settings, numbers);
      expect(got.loss).toBeCloseTo(expected, 5);
      for (const part of ['hidden', 'head'] as const) {
        const wanted = slopes(part);
        expect(Math.max(...wanted.map(Math.abs))).toBeGreaterThan(0.05);
        got[part].forEach((value, place) => {
          expect(value).toBeCloseTo(wanted[place] as number, 4);
        });
      }
    }
  });

  const wide = { width: 3, vocab: 33_000, teacherWidth: 2, temperature: 1.5, weight: 0.5, factor: 1 };

  it('adds up blocks of rows', async () => {
    const settings = { ...wide, rows: 70 }; // blocks of 64
    const numbers = numbersFor(settings);
    const got = await computed(new EagerOperations(cpu), settings, numbers);
    expect(got.loss / 70).toBeCloseTo(lossOf(settings, numbers) / 70, 4);
  }, 20_000);

  it('never has more logits than those of a block', async () => {
    const peak = async (rows: number) => {
      const settings = { ...wide, rows };
      const numbers = numbersFor(settings);
      cpu.ledger.resetPeak();
      const before = cpu.ledger.snapshot().liveTotal;
      await computed(new EagerOperations(cpu), settings, numbers);
      expect(cpu.ledger.snapshot().liveTotal).toBe(before);
      return cpu.ledger.snapshot().peakLive - before;
    };
    const block = 4 * 64 * wide.vocab;
    expect(await peak(64)).toBeGreaterThan(3 * block);
    expect((await peak(200)) - (await peak(64))).toBeLessThan(block / 100);
  }, 20_000);

  it('is 0, and has no gradient, where the student is the teacher', async () => {
    const settings = { ...small, teacherWidth: 6, temperature: 2, weight: 1 };
    const { hidden, head, targets } = numbersFor(settings);
    const numbers = { hidden, head, targets, teacherHidden: hidden, teacherHead: head };
    const got = await computed(new EagerOperations(cpu), settings, numbers);
    expect(Math.abs(got.loss)).toBeLessThan(1e-6);
    expect(Math.max(...got.hidden.map(Math.abs), ...got.head.map(Math.abs))).toBeLessThan(1e-6);
  });
});

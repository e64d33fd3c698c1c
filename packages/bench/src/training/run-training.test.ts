import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, test } from 'vitest';
import type { Shape } from '../shapes.ts';
import { runTraining, type StepPeer, type TrainingBenchOptions } from './run-training.ts';
import { stepFlops } from './step-flops.ts';
import { tfjsStep } from './tfjs-step.ts';
import { torchStep } from './torch-step.ts';
import { trainingPeers } from './training-peers.ts';
import { trainingMarkdown, trainingReport } from './training-report.ts';
import { stepTask } from './training-shape.ts';

const shape: Shape = {
  name: 'tiny',
  vocabSize: 97,
  hiddenSize: 24,
  intermediateSize: 40,
  numHiddenLayers: 2,
  numAttentionHeads: 3,
  numKeyValueHeads: 3,
  headDim: 8,
  tieWordEmbeddings: true,
};

/** A peer that is there, or is not, and whose losses are those given. */
function madeUp(name: string, losses: readonly number[] | null): StepPeer {
  return {
    name,
    async open({ config }) {
      if (losses === null) return { missing: `${name} is not installed` };
      const left = [...losses];
      return {
        ...{ name, version: '1.2', kind: 'peer', window: config.initialStateWindow, threads: 1, inProcess: true },
        step: async () => ({ loss: left.shift() ?? 0, ms: 5 }),
        dispose: () => undefined,
      };
    },
  };
}

function run(changes: Partial<TrainingBenchOptions> = {}) {
  return runTraining({
    ...{ shape, texts: 2, length: 17, windows: [3, 1], threads: [1, 2], rounds: 2, warmUpSteps: 3, peers: [] },
    createBackend: (threads) => createCpuBackend({ threads }),
    ...{ environment: {}, command: 'bench', ...changes },
  });
}

describe('a training step', () => {
  test('is the same in other libraries: losses of three steps, gradients and AdamW between them', async () => {
    for (const window of [1, 3]) {
      const task = stepTask(shape, window, 2, 17);
      const peers = [await tfjsStep(task), ...(await installed(torchStep(task, 1)))];
      const { figures } = await run({ windows: [window], threads: [1] });
      const expected = figures[0]?.losses ?? [];
      expect(expected).toHaveLength(3);
      expect((expected[2] as number) / (expected[0] as number)).toBeLessThan(0.995); // it learns
      for (const peer of peers) {
        for (const loss of expected) expect((await peer.step()).loss / loss).toBeCloseTo(1, 5);
        peer.dispose();
      }
    }
  }, 60_000);

  test('is measured by window and threads, beside what is installed', async () => {
    const result = await run({ peers: [...trainingPeers.slice(0, 1), madeUp('Absent', null)] });
    const names = result.figures.map(({ contestant, window, threads }) => `${contestant} ${window} ${threads}`);
    const of = (window: number) => [
      `InAttention ${window} 1`,
      `InAttention ${window} 2`,
      `tfjs-backend-wasm ${window} 1`,
    ];
    expect(names).toEqual([...of(3), ...of(1)]);
    for (const { medianMs, tokensPerSecond, flopRate, window, kind, shareOfGemm } of result.figures) {
      expect(tokensPerSecond).toBeCloseTo((34 * 1000) / medianMs);
      const flops = result.flops.find((each) => each.window === window)?.flops ?? 0;
      expect(flopRate).toBeCloseTo((flops * 1000) / medianMs);
      expect(shareOfGemm !== null).toBe(kind === 'ours');
    }
    expect(result.ratios).toHaveLength(4);
    expect(result.peers.map(({ version }) => version)).toEqual([expect.stringMatching(/^4\./), null]);
    for (const report of [trainingReport(result), trainingMarkdown(result)]) {
      expect(report).toContain('Absent is not installed');
      expect(report).toContain('w = 3');
      expect(report).toContain('the speed of tfjs');
    }
  }, 60_000);

  test('of a library that computes something else fails the run', async () => {
    const { figures } = await run({ windows: [1], threads: [1] });
    const losses = figures[0]?.losses ?? [];
    const last = (losses[2] as number) * 1.001;
    const wrong = madeUp('Wrong', [...losses.slice(0, 2), last]);
    await expect(run({ windows: [1], threads: [1], peers: [madeUp('Right', losses)] })).resolves.toBeDefined();
    await expect(run({ windows: [1], threads: [1], peers: [wrong] })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining('Wrong, w = 1, 1 thread computes another step'),
    });
  }, 60_000);

  test('can be cancelled', async () => {
    await expect(run({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

test('operations of a step are those of its products, counted one by one', () => {
  const { config } = stepTask(shape, 3, 2, 17);
  let multiplyAdds = 0;
  const rows = 2 * 17;
  const product = (outputs: number, inputs: number) => {
    multiplyAdds += 3 * rows * outputs * inputs;
  };
  product(24, 24); // M_1
  product(24, 24); // M_2
  for (let layer = 0; layer < 2; layer += 1) {
    for (let projection = 0; projection < 4; projection += 1) product(24, 24); // q, k, v, o
    for (let projection = 0; projection < 3; projection += 1) product(40, 24); // gate, up, down
    for (let text = 0; text < 2; text += 1) {
      for (let query = 0; query < 17; query += 1) multiplyAdds += 3 * (query + 1) * 3 * 2 * 8; // q·k and weight · v
    }
  }
  product(97, 24); // logits
  expect(stepFlops(config, 2, 17)).toBe(2 * multiplyAdds);
});

/** PyTorch is measured where it is; where it is not, the bench says so. */
async function installed<T>(peer: Promise<T>): Promise<T[]> {
  try {
    return [await peer];
  } catch (error) {
    expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('PyTorch') });
    return [];
  }
}

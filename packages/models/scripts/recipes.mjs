/**
 * How each model is made: the flags of `inattention train`, every one that decides the run spelled out. A shipped model's
 * record holds the settings of its own run, and a test compares them with these.
 */

/** What all runs share. */
const shared = { data: 'train.jsonl', backend: 'cpu', seed: 1, weightDecay: 0.1, clip: 1, documents: 'separate' };

/** Sizes, data, order and steps: the same for both kinds of attention. With the same window they have as many parameters. */
const trainedAt512 = {
  ...shared,
  layers: 6,
  hiddenSize: 128,
  heads: 4,
  intermediateSize: 352,
  window: 3,
  positionEmbedding: 'rope',
  vocabSize: 4096,
  contextLength: 512,
  batch: 8,
  validation: 0.02,
  steps: 1600,
  learningRate: 0.003,
  minLearningRate: 0.0003,
  schedule: 'cosine',
  warmup: 100,
};

/** By name, in the order in which they are made. */
export const recipes = {
  small: {
    description: 'InAttention, trained on texts of 512 tokens',
    flags: { ...trainedAt512, attention: 'inattention' },
  },
  'small-self': {
    description: 'The self-attention twin of small: the same parameters, data, order and steps',
    flags: { ...trainedAt512, attention: 'self' },
  },
  'small-16k': {
    description: 'small, extended to 16 Ki tokens by training on chosen positions of long texts',
    flags: {
      ...shared,
      from: 'small',
      contextLength: 16384,
      ropeScaling: 'yarn',
      positions: 512,
      batch: 1,
      validation: 0.02,
      steps: 400,
      learningRate: 0.0003,
      minLearningRate: 0.00003,
      schedule: 'cosine',
      warmup: 20,
    },
  },
};

/** Flags that hold a path. */
const paths = new Set(['data', 'from']);

/** The arguments of `inattention` for flags. `place` says where a text file or the run of another model is. */
export function trainArguments(flags, out, place = (name) => name) {
  const settings = Object.entries(flags).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    paths.has(name) ? place(value) : String(value),
  ]);
  return ['train', ...settings, '--out', out];
}

/** The command that makes a model from the texts, as records state it. */
export function trainCommand(name, flags) {
  return ['inattention', ...trainArguments(flags, name)].join(' ');
}

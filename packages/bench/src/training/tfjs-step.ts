/** The step of the same model in TensorFlow.js on its WebAssembly backend, in Node, where that has one thread. */

import { randomWeights } from '@inattention/model';
import type * as Tfjs from '@tensorflow/tfjs-core';
import type { StepContestant } from './step-contestant.ts';
import { tfjsInputs, tfjsLoss } from './tfjs-model.ts';
import { optimizerSettings, type StepTask, windowDeviation } from './training-shape.ts';

/** Loads the library and begins with the task's weights. Rejects as `import` does when it is not installed. */
export async function tfjsStep({
  config,
  seed,
  texts,
}: StepTask): Promise<StepContestant & { readonly version: string }> {
  await import('@tensorflow/tfjs'); // registers the gradients; they are in no module of tfjs-core that Node loads
  const tfjs = await import('@tensorflow/tfjs-core');
  const { version_wasm: version } = await import('@tensorflow/tfjs-backend-wasm');
  await tfjs.setBackend('wasm');
  await tfjs.ready();
  const parameters = new Map<string, Parameter>();
  for (const { name, shape, data } of randomWeights(config, { seed, windowDeviation })) {
    const variable = tfjs.variable(tfjs.tensor(data, [...shape]));
    const zeros = () => tfjs.variable(tfjs.zeros<Tfjs.Rank>([...shape]), false);
    parameters.set(name, { variable, first: zeros(), second: zeros() });
  }
  const weights = new Map([...parameters].map(([name, { variable }]) => [name, variable] as const));
  const inputs = tfjsInputs(tfjs, config, texts);
  let steps = 0;
  return {
    name: 'tfjs-backend-wasm',
    version,
    kind: 'peer',
    window: config.initialStateWindow,
    threads: 1,
    inProcess: true,
    note: 'one-hot embedding; AdamW made of its operations',
    async step() {
      const begin = performance.now();
      steps += 1;
      const { value, grads } = tfjs.variableGrads(() => tfjsLoss(tfjs, config, weights, inputs), [...weights.values()]);
      for (const parameter of parameters.values()) {
        const gradient = grads[parameter.variable.name];
        if (gradient === undefined) continue;
        tfjs.tidy(() => adamw(tfjs, parameter, gradient, steps));
        gradient.dispose();
      }
      const [loss = Number.NaN] = value.dataSync();
      value.dispose();
      return { loss, ms: performance.now() - begin };
    },
    dispose() {
      for (const { variable, first, second } of parameters.values()) {
        for (const each of [variable, first, second]) each.dispose();
      }
      const { read, targets, cosines, sines, mask } = inputs;
      for (const each of [read, targets, cosines, sines, mask]) each.dispose();
    },
  };
}

interface Parameter {
  readonly variable: Tfjs.Variable;
  readonly first: Tfjs.Variable;
  readonly second: Tfjs.Variable;
}

function adamw(tfjs: typeof Tfjs, { variable, first, second }: Parameter, gradient: Tfjs.Tensor, step: number): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay } = optimizerSettings;
  first.assign(tfjs.add(tfjs.mul(first, beta1), tfjs.mul(gradient, 1 - beta1)));
  second.assign(tfjs.add(tfjs.mul(second, beta2), tfjs.mul(tfjs.square(gradient), 1 - beta2)));
  const root = tfjs.add(tfjs.sqrt(tfjs.div(second, 1 - beta2 ** step)), epsilon);
  const update = tfjs.div(tfjs.div(first, 1 - beta1 ** step), root);
  const decay = variable.rank > 1 ? weightDecay : 0; // norms are exempt
  const change = decay === 0 ? update : tfjs.add(update, tfjs.mul(variable, decay));
  variable.assign(tfjs.sub(variable, tfjs.mul(change, learningRate)));
}

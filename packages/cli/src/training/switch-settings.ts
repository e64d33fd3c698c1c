/** Flags of `train` about switched layers and distillation, as the training package takes them. */

import { InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { switchedConfig } from '@inattention/formats';
import { checkSwitching, type DistillationSettings, extendContext, type Switching } from '@inattention/train';
import { type AttentionSwitches, attentionSwitches } from '../conversion/attention-switches.ts';
import type { RunSettings } from './run-settings.ts';

/** --attention as it is kept in run.json: each use of the flag, apart by spaces. */
export function switchesOf({ attention = '' }: Pick<RunSettings, 'attention'>): AttentionSwitches {
  let switches: AttentionSwitches = new Map();
  for (const use of attention.split(' ').filter((text) => text !== '')) switches = attentionSwitches(use, switches);
  return switches;
}

/** The schedule of switched layers; null where there is none. */
export function switchingOf(settings: Pick<RunSettings, 'switch' | 'switchEvery'>): Switching | null {
  const { switch: layers, switchEvery: every = defaultSwitchEvery } = settings;
  return layers === undefined ? null : { layers, every };
}

/** Steps with a layer before the next is switched. */
export const defaultSwitchEvery = 100;

/** Where the model is that is learnt from; null when from text alone. */
export function teacherPlace({ distill, from }: Pick<RunSettings, 'distill' | 'from'>): string | null {
  if (distill === undefined) return null;
  return distill === true ? (from ?? null) : distill;
}

export function distillationOf(settings: RunSettings): DistillationSettings | null {
  const { distill, distillTemperature: temperature, distillWeight: weight } = settings;
  if (distill === undefined) return null;
  return { ...(temperature !== undefined && { temperature }), ...(weight !== undefined && { weight }) };
}

/**
 * A model's configuration as a run begins with it: layers switched, a window added, positions for longer texts. Throws
 * InvalidArgumentError for layers that are not there, and for a schedule that the run ends before.
 */
export function startConfig(config: ModelConfig, settings: RunSettings): ModelConfig {
  const { window, contextLength, ropeScaling, steps } = settings;
  const attention = switchesOf(settings);
  const switched =
    attention.size === 0 && window === undefined
      ? config
      : switchedConfig(config, { attention, ...(window !== undefined && { initialStateWindow: window }) });
  const switching = switchingOf(settings);
  if (switching !== null) {
    checkSwitching(switching, switched.attentionTypes);
    const needed = (switching.layers.length - 1) * switching.every + 1;
    if (steps < needed) {
      throw new InvalidArgumentError({
        what: 'The run ends before its last layer is switched.',
        got: `${steps} steps`,
        expected: `at least ${needed} for ${switching.layers.length} layers, one every ${switching.every} steps`,
        fix: 'give more --steps, fewer layers to --switch, or a smaller --switch-every',
      });
    }
  }
  return extendContext(switched, contextLength, ropeScaling);
}

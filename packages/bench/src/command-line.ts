/** The command that repeats a sweep, every setting spelled out. Its parts need no quoting. */

import type { ContextDType, WeightDType } from '@inattention/core/math';
import { lengthFlag } from './flags.ts';
import type { Variant, WarmUpKind } from './result.ts';
import type { Shape } from './shapes.ts';

export interface SweepSettings {
  readonly shape: Shape;
  readonly lengths: readonly number[];
  readonly variants: readonly Variant[];
  readonly dtype: ContextDType;
  readonly weightDType: WeightDType;
  readonly window: number;
  readonly selfUpTo: number;
  readonly warmUpKind: WarmUpKind;
  readonly rounds: number;
  readonly roundTime: number;
  /** The one it ran on. */
  readonly backend: string;
  readonly memory?: number | undefined;
}

export function commandLine(settings: SweepSettings): string {
  const { shape, lengths, variants, dtype, weightDType, window, selfUpTo, warmUpKind, rounds, roundTime } = settings;
  const { backend, memory } = settings;
  return [
    'inattention bench',
    `--shape ${shape.name}`,
    `--lengths ${lengths.map(lengthFlag).join(',')}`,
    `--variants ${variants.join(',')}`,
    `--context-dtype ${dtype}`,
    `--weight-dtype ${weightDType}`,
    `--window ${window}`,
    `--self-up-to ${lengthFlag(selfUpTo)}`,
    `--warm-up ${warmUpKind}`,
    `--rounds ${rounds}`,
    `--round-time ${roundTime}`,
    `--backend ${backend}`,
    ...(memory === undefined ? [] : [`--memory ${memory}`]),
  ].join(' ');
}

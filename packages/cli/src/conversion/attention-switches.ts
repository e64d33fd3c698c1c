/** --attention of `convert`: which layers become what. */

import type { AttentionType } from '@inattention/core/math';
import { InvalidArgumentError } from 'commander';

/** What layers become, by index; "all" for every layer. Later ones count. */
export type AttentionSwitches = ReadonlyMap<number | 'all', AttentionType>;

const form = 'It is LAYERS=KIND, such as 0,1,2=inattention or all=self; KIND alone means all layers.';

/** Adds one use of the flag to those before it. */
export function attentionSwitches(text: string, before: AttentionSwitches = new Map()): AttentionSwitches {
  const [layers = '', kind, ...rest] = text.includes('=') ? text.split('=') : ['all', text];
  if ((kind !== 'inattention' && kind !== 'self') || rest.length > 0) throw new InvalidArgumentError(form);
  if (layers === 'all') return new Map([['all', kind]]);
  const numbers = layers.split(',');
  if (!numbers.every((number) => /^\d{1,6}$/.test(number))) throw new InvalidArgumentError(form);
  const named = numbers.map((number): [number, AttentionType] => [Number(number), kind]);
  return new Map([...before, ...named]);
}

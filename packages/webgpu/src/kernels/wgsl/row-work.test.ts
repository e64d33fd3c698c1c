import { expect, test } from 'vitest';
import { KernelTrial } from '../../../test/kernel-trial.ts';
import { openDevice } from '../../device/open-device.ts';
import { rowWayOf } from './row-work.ts';

const { device, adapterInfo } = await openDevice({ limits: 'default' });

test('subgroups are asked for where the adapter has them', () => {
  // The software adapter that these tests install has them, in fours.
  if (adapterInfo?.architecture === 'swiftshader') expect(adapterInfo.subgroupMaxSize).toBe(4);
  expect(device.features.has('subgroups')).toBe(adapterInfo?.subgroupMaxSize !== undefined);
});

test('subgroups reduce rows on graphics cards that have them, where a workgroup is not smaller than one', () => {
  const way = (software: boolean, largestSubgroup: number) => {
    const { runner } = new KernelTrial(device, { software, largestSubgroup });
    return rowWayOf(runner, !software, 64);
  };
  expect([way(false, 0), way(false, 32), way(false, 64), way(false, 128), way(true, 4)]).toEqual([
    'barriers',
    'subgroups',
    'subgroups',
    'barriers',
    'alone',
  ]);
});

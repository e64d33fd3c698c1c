/** The required primitives, one file each. */

import type { Primitives } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { binary } from './binary.ts';
import { cast } from './cast.ts';
import { copyBlock } from './copy-block.ts';
import { fill } from './fill.ts';
import { gatherRows } from './gather-rows.ts';
import { matmul } from './matmul.ts';
import { permute } from './permute.ts';
import { reduce } from './reduce.ts';
import { scatterAddRows } from './scatter-add-rows.ts';
import { unary } from './unary.ts';

export function primitiveKernels(runner: KernelRunner): Primitives {
  return {
    fill: (args) => fill(runner, args),
    add: (args) => binary(runner, 'add', args),
    subtract: (args) => binary(runner, 'subtract', args),
    multiply: (args) => binary(runner, 'multiply', args),
    divide: (args) => binary(runner, 'divide', args),
    affine: (args) => unary(runner, 'affine', args, args),
    exp: (args) => unary(runner, 'exp', args),
    log: (args) => unary(runner, 'log', args),
    sqrt: (args) => unary(runner, 'sqrt', args),
    sigmoid: (args) => unary(runner, 'sigmoid', args),
    sum: (args) => reduce(runner, 'sum', args),
    max: (args) => reduce(runner, 'max', args),
    matmul: (args) => matmul(runner, args),
    copyBlock: (args) => copyBlock(runner, args),
    cast: (args) => cast(runner, args),
    permute: (args) => permute(runner, args),
    gatherRows: (args) => gatherRows(runner, args),
    scatterAddRows: (args) => scatterAddRows(runner, args),
  };
}

/** The fused operations, all of them: argument passing to the kernels of the same names in assembly/. */

import type { FusedOperations } from '@inattention/core';
import { attendEachKernel } from './attend-each.ts';
import { slotsOf, withContextRecord } from './context-record.ts';
import { elements, flag, type KernelContext } from './kernel-context.ts';

export function fusedKernels(context: KernelContext): FusedOperations {
  const { kernels } = context;
  return {
    attendEach: attendEachKernel(context),
    rmsNorm({ input, weight, epsilon, out, inverseRms }) {
      const [rows = 0, width = 0] = input.shape;
      kernels.rmsNorm(
        context.address(input),
        context.optional(weight),
        context.address(out),
        context.optional(inverseRms),
        rows,
        width,
        epsilon,
      );
    },
    rmsNormBackward({ input, weight, inverseRms, gradOut, gradInput, gradWeight }) {
      const [rows = 0, width = 0] = input.shape;
      kernels.rmsNormBackward(
        context.address(input),
        context.optional(weight),
        context.address(inverseRms),
        context.address(gradOut),
        context.address(gradInput),
        context.optional(gradWeight),
        rows,
        width,
      );
    },
    rope({ input, positions, angles, inverse, out }) {
      const [rows = 0, heads = 0, headDim = 0] = input.shape;
      context.withScratch(headDim * 4, (scratch) =>
        kernels.rope(
          context.address(input),
          context.address(positions),
          context.address(angles.fine),
          context.address(angles.coarse),
          angles.fineLength,
          context.address(out),
          rows,
          heads,
          headDim,
          flag(inverse),
          scratch,
        ),
      );
    },
    swiglu({ gate, up, out }) {
      kernels.swiglu(context.address(gate), context.address(up), context.address(out), elements(out));
    },
    swigluBackward({ gate, up, gradOut, gradGate, gradUp }) {
      kernels.swigluBackward(
        context.address(gate),
        context.address(up),
        context.address(gradOut),
        context.address(gradGate),
        context.address(gradUp),
        elements(gate),
      );
    },
    attend(args) {
      const { queries, positions, from, to, slopes, scale, accumulate, out, max, sum } = args;
      const [count = 0, heads = 0, headDim = 0] = queries.shape;
      const { window } = args.context;
      const slots = slotsOf(args.context);
      const rotates = flag(args.context.rope !== null);
      const words = kernels.attendScratchWords(count, heads, headDim, window, slots, to - from, rotates);
      context.withScratch(words * 4, (scratch) =>
        withContextRecord(context, args.context, (record) =>
          kernels.attend(
            context.address(queries),
            context.address(positions),
            record,
            context.optional(slopes),
            context.address(out),
            context.address(max),
            context.address(sum),
            count,
            heads,
            from,
            to,
            scale,
            flag(accumulate),
            slots,
            scratch,
          ),
        ),
      );
    },
    attendWeights(args) {
      const { queries, positions, from, to, slopes, scale, logSumExp, out } = args;
      const [, heads = 0, headDim = 0] = queries.shape;
      const [position = 0] = new Int32Array(context.heap.memory.buffer, context.address(positions), 1);
      context.withScratch(kernels.weightsScratchWords(headDim, args.context.window) * 4, (scratch) =>
        withContextRecord(context, args.context, (record) =>
          kernels.attendWeights(
            context.address(queries),
            position,
            record,
            context.optional(slopes),
            context.address(logSumExp),
            context.address(out),
            heads,
            from,
            to,
            scale,
            scratch,
          ),
        ),
      );
    },
    attendBackward(args) {
      const [count = 0, heads = 0, headDim = 0] = args.queries.shape;
      const [entries = 0, kvHeads = 0] = args.keys.shape;
      const words = kernels.attendBackwardScratchWords(count, heads, kvHeads, headDim);
      context.withScratch(words * 4, (scratch) =>
        kernels.attendBackward(
          context.address(args.queries),
          context.address(args.positions),
          context.address(args.keys),
          context.address(args.values),
          context.optional(args.slopes),
          context.address(args.out),
          context.address(args.logSumExp),
          context.address(args.gradOut),
          context.address(args.gradQueries),
          context.address(args.gradKeys),
          context.address(args.gradValues),
          count,
          heads,
          entries,
          kvHeads,
          headDim,
          args.firstPosition,
          args.scale,
          scratch,
        ),
      );
    },
    crossEntropy({ logits, targets, nll, logSumExp }) {
      const [rows = 0, width = 0] = logits.shape;
      kernels.crossEntropy(
        context.address(logits),
        context.address(targets),
        context.address(nll),
        context.address(logSumExp),
        rows,
        width,
      );
    },
    crossEntropyBackward({ logits, targets, logSumExp, gradNll, gradLogits }) {
      const [rows = 0, width = 0] = logits.shape;
      kernels.crossEntropyBackward(
        context.address(logits),
        context.address(targets),
        context.address(logSumExp),
        context.address(gradNll),
        context.address(gradLogits),
        rows,
        width,
      );
    },
    adamw(args) {
      kernels.adamw(
        context.address(args.parameter),
        context.address(args.gradient),
        context.address(args.firstMoment),
        context.address(args.secondMoment),
        elements(args.parameter),
        args.learningRate,
        args.beta1,
        args.beta2,
        args.epsilon,
        args.weightDecay,
        1 / (1 - args.beta1 ** args.step),
        1 / (1 - args.beta2 ** args.step),
      );
    },
  };
}

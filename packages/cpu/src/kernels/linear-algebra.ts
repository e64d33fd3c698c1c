/** matmul, sum and max: assembly/matmul.ts, assembly/matmul-blocks.ts, assembly/reduce.ts. */

import { blocksPerRow, bytesPerElement, isBlockDType, type MatmulArguments, type Primitives } from '@inattention/core';
import { flag, type KernelContext, storageOf } from './kernel-context.ts';

/** Bytes of the column block that sum() adds rows in. */
const sumScratchBytes = 1024;

export function linearAlgebraKernels(context: KernelContext): Pick<Primitives, 'matmul' | 'sum' | 'max'> {
  const { kernels } = context;
  return {
    matmul(args) {
      if (isBlockDType(args.b.dtype)) {
        matmulBlocks(context, args);
        return;
      }
      const { batch, rows, columns, inner, strideA, strideB } = args;
      const storage = storageOf(args.b);
      const { blocks } = args.b;
      const scales = blocks === undefined ? 0 : context.address(blocks.scales);
      // Scales of one matrix of the batch, in bytes: strideB is 0 or one matrix.
      const scaleStride =
        blocks === undefined || strideB === 0 ? 0 : (strideB / inner) * blocksPerRow(inner, blocks.blockLength) * 4;
      const a = context.address(args.a);
      const b = context.address(args.b);
      const out = context.address(args.out);
      context.withThreadScratch(kernels.matmulScratchBytes(rows, columns, inner), (scratch) => {
        for (let entry = 0; entry < batch; entry += 1) {
          kernels.matmul(
            a + entry * strideA * 4,
            b + entry * strideB * bytesPerElement[args.b.dtype],
            out + entry * rows * columns * 4,
            rows,
            columns,
            inner,
            flag(args.transposeA),
            flag(args.transposeB),
            storage,
            scales + entry * scaleStride,
            args.scale,
            flag(args.accumulate),
            scratch,
          );
        }
      });
    },
    sum({ input, outer, axis, inner, out }) {
      context.withScratch(sumScratchBytes, (scratch) =>
        kernels.sum(context.address(input), context.address(out), scratch, outer, axis, inner),
      );
    },
    max({ input, outer, axis, inner, out }) {
      kernels.maximum(context.address(input), context.address(out), outer, axis, inner);
    },
  };
}

/** By weights in a GGUF file's blocks: integers, of activations rounded to 16 bits. */
function matmulBlocks(context: KernelContext, args: MatmulArguments): void {
  const { kernels } = context;
  const { batch, rows, columns, inner, strideA, strideB } = args;
  const a = context.address(args.a);
  const b = context.address(args.b);
  const out = context.address(args.out);
  const storage = storageOf(args.b);
  context.withScratch(kernels.matmulBlocksScratchBytes(rows, inner), (scratch) => {
    for (let entry = 0; entry < batch; entry += 1) {
      kernels.matmulBlocks(
        a + entry * strideA * 4,
        b + entry * strideB * bytesPerElement[args.b.dtype],
        out + entry * rows * columns * 4,
        rows,
        columns,
        inner,
        storage,
        args.scale,
        flag(args.accumulate),
        scratch,
      );
    }
  });
}

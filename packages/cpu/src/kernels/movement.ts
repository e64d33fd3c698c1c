/** gatherRows, scatterAddRows, permute and copyBlock: assembly/rows.ts, assembly/movement.ts. */

import { bytesPerElement, type Primitives } from '@inattention/core';
import { addressTable } from './context-record.ts';
import { elements, flag, isHalf, type KernelContext, storageOf } from './kernel-context.ts';

type Movement = Pick<Primitives, 'gatherRows' | 'scatterAddRows' | 'permute' | 'copyBlock'>;

export function movementKernels(context: KernelContext): Movement {
  const { kernels } = context;
  return {
    gatherRows({ pages, rowsPerPage, ids, stride, offset, width, accumulate, out }) {
      const [first] = pages;
      if (first === undefined) return;
      const scales = pages.flatMap(({ blocks }) => blocks?.scales ?? []);
      context.withScratch((pages.length + scales.length) * 4, (table) => {
        const scaleTable = table + pages.length * 4;
        addressTable(context, table, pages);
        addressTable(context, scaleTable, scales);
        kernels.gatherRows(
          table,
          scaleTable,
          rowsPerPage,
          context.address(ids),
          elements(ids),
          stride,
          offset,
          width,
          storageOf(first),
          flag(accumulate),
          context.address(out),
        );
      });
    },
    scatterAddRows({ source, rows, starts, order, count, width, out }) {
      kernels.scatterAddRows(
        context.address(source),
        context.address(rows),
        context.address(starts),
        context.address(order),
        count,
        width,
        context.address(out),
      );
    },
    permute({ input, axes, out }) {
      const strides = input.shape.map((_, axis) => input.shape.slice(axis + 1).reduce((size, n) => size * n, 1));
      const missing = 4 - axes.length;
      const sizes = [...Array<number>(missing).fill(1), ...out.shape];
      const steps = [...Array<number>(missing).fill(0), ...axes.map((axis) => strides[axis] as number)];
      const [d0, d1, d2, d3] = sizes as [number, number, number, number];
      const [s0, s1, s2, s3] = steps as [number, number, number, number];
      kernels.permute(context.address(input), context.address(out), d0, d1, d2, d3, s0, s1, s2, s3, isHalf(input));
    },
    copyBlock({ input, inputOffset, inputStride, out, outOffset, outStride, outer, length }) {
      const bytes = bytesPerElement[input.dtype];
      kernels.copyBlock(
        context.address(input) + inputOffset * bytes,
        inputStride * bytes,
        context.address(out) + outOffset * bytes,
        outStride * bytes,
        outer,
        length * bytes,
      );
    },
  };
}

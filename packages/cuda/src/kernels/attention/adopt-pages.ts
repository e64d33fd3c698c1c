/** Brings the pages of a list side by side in runs, when they are first attended to. Pages that are there stay. */

import type { TensorView } from '@inattention/core';
import type { DeviceBuffer } from '../../memory/device-buffer.ts';
import { PageRun, type RunLayout } from '../../memory/page-run.ts';
import type { KernelContext } from '../kernel-context.ts';

/** Consecutive pages of a list that lie in consecutive slots of one run. */
export interface RunPart {
  readonly run: PageRun;
  /** The first page, by its number in the list. */
  readonly first: number;
  /** Behind the last. */
  readonly end: number;
  readonly firstSlot: number;
}

/** The parts of a list of pages, adopting those that are in no run; null when they are not pages of their own buffers. */
export function adoptPages(
  context: KernelContext,
  pages: readonly TensorView[],
  layout: RunLayout,
  maxPages: number,
): RunPart[] | null {
  const bytes = layout.rowsPerPage * layout.groups * layout.width * 4;
  const buffers = pages.map((page) => context.bufferOf(page));
  const kept = buffers.every(
    (buffer, page) =>
      buffer.byteLength === bytes &&
      (pages[page] as TensorView).byteOffset === 0 &&
      (buffer.purpose === 'context' || buffer.purpose === 'table'),
  );
  if (!kept || buffers.length === 0) return null;
  const parts: { run: PageRun; first: number; end: number; firstSlot: number }[] = [];
  buffers.forEach((buffer, page) => {
    if (buffer.place !== null && !sameLayout(buffer.place.run.layout, layout)) context.memory.detach(buffer);
    const last = parts.at(-1);
    if (buffer.place === null) {
      const behind = last !== undefined && last.firstSlot + page - last.first === last.run.length;
      const fits = behind && last.run.length < maxPages;
      adopt(context, fits ? last.run : newRun(context, layout, waiting(buffers, page, maxPages)), buffer);
    }
    const { run, slot } = buffer.place as NonNullable<DeviceBuffer['place']>;
    if (last?.run === run && slot === last.firstSlot + page - last.first) last.end = page + 1;
    else parts.push({ run, first: page, end: page + 1, firstSlot: slot });
  });
  return parts;
}

/** How many pages from `page` on are in no run. */
function waiting(buffers: readonly DeviceBuffer[], page: number, maxPages: number): number {
  let count = 0;
  while (count < maxPages && buffers[page + count]?.place === null) count += 1;
  return count;
}

function newRun(context: KernelContext, layout: RunLayout, pages: number): PageRun {
  const run = new PageRun(context.operations, layout);
  run.reserve(pages);
  context.memory.runs.add(run);
  return run;
}

function adopt(context: KernelContext, run: PageRun, buffer: DeviceBuffer): void {
  const { memory, runtime } = context;
  runtime.scope(() => {
    const written = buffer.words !== null || buffer.deferred !== null || buffer.integers !== null;
    const slot = run.append(buffer, written ? memory.contents(buffer) : null);
    memory.movedToRun(buffer, { run, slot });
  });
}

function sameLayout(a: RunLayout, b: RunLayout): boolean {
  return a.groups === b.groups && a.width === b.width && a.rowsPerPage === b.rowsPerPage;
}

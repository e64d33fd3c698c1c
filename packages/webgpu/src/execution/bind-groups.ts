/** Bind groups, made once per layout and ranges, and forgotten with the buffers they bind. */

import type { Allocation } from '../memory/device-buffer.ts';
import type { BoundRange } from './commands.ts';

/** Groups kept; the one unused for longest goes first. */
const kept = 8192;

export class BindGroups {
  readonly #device: GPUDevice;
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #keysOf = new Map<Allocation, Set<string>>();
  readonly #layoutIds = new WeakMap<GPUBindGroupLayout, number>();
  #nextLayoutId = 1;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get(layout: GPUBindGroupLayout, ranges: readonly BoundRange[]): GPUBindGroup {
    let key = `${this.#idOf(layout)}`;
    for (const { allocation, offset, size } of ranges) key += `|${allocation.id},${offset},${size}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = this.#device.createBindGroup({
      layout,
      entries: ranges.map(({ allocation, offset, size }, binding) => ({
        binding,
        resource: { buffer: allocation.buffer, offset, size },
      })),
    });
    if (this.#groups.size >= kept) this.#forget(this.#groups.keys().next().value as string);
    this.#groups.set(key, group);
    for (const { allocation } of ranges) {
      const keys = this.#keysOf.get(allocation);
      if (keys === undefined) this.#keysOf.set(allocation, new Set([key]));
      else keys.add(key);
    }
    return group;
  }

  /** Forgets the groups that bind an allocation. */
  drop(allocation: Allocation): void {
    for (const key of this.#keysOf.get(allocation) ?? []) this.#groups.delete(key);
    this.#keysOf.delete(allocation);
  }

  #forget(key: string): void {
    this.#groups.delete(key);
    for (const keys of this.#keysOf.values()) keys.delete(key);
  }

  #idOf(layout: GPUBindGroupLayout): number {
    let id = this.#layoutIds.get(layout);
    if (id === undefined) {
      id = this.#nextLayoutId;
      this.#nextLayoutId += 1;
      this.#layoutIds.set(layout, id);
    }
    return id;
  }
}

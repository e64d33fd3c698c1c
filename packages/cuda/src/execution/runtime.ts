/**
 * Calls TensorFlow's operations and accounts for every tensor: how many live, how many bytes they take, which scope gives
 * them back. TensorFlow tells no bytes here, so they are counted from shapes.
 */

import type { Ledger } from '@inattention/core';
import type { NativeBinding, NativeType, OperationAttribute } from '../native/native-binding.ts';
import { typeNumbers } from '../native/native-binding.ts';
import { nativeFailure } from './failures.ts';
import { bytesOf, type Handle } from './handle.ts';

/** An attribute: a number is an int, a word a dtype; shapes and texts say that they are. */
type AttributeValue = boolean | number | NativeType | { readonly sizes: readonly number[] } | { readonly text: string };

/** Attributes of an operation by name. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

const typeNames = new Map<number, NativeType>(
  Object.entries(typeNumbers).map(([name, number]) => [number, name as NativeType]),
);

export class Runtime {
  readonly binding: NativeBinding;
  readonly onGpu: boolean;
  readonly #ledger: Ledger;
  /** Tensors made in each scope in progress, innermost last. */
  readonly #scopes: Set<Handle>[] = [];
  /** Attributes as the binding takes them, by the records that kernels keep. */
  readonly #attributes = new WeakMap<Attributes, OperationAttribute[]>();
  /** Small constants by their contents; the oldest are given up first. */
  readonly #constants = new Map<string, Handle>();
  #constantBytes = 0;
  /** Kept tensors that somebody beside their owner needs, with how many do. */
  readonly #holds = new Map<Handle, number>();
  #tensors = 0;
  #operations = 0;
  /** Told when bytes that are reserved have changed. */
  onReserve: () => void = () => {};

  constructor(binding: NativeBinding, ledger: Ledger) {
    this.binding = binding;
    this.onGpu = binding.isUsingGpuDevice();
    this.#ledger = ledger;
  }

  /** Operations of TensorFlow called so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Tensors of TensorFlow that are alive. */
  get tensors(): number {
    return this.#tensors;
  }

  /** Bytes of constants that are kept. */
  get constantBytes(): number {
    return this.#constantBytes;
  }

  /** The result of `name`; `memory` says whether it has memory of its own. */
  run(name: string, inputs: readonly Handle[], attributes: Attributes = {}, memory: Handle['memory'] = 'own'): Handle {
    const [result] = this.#execute(name, inputs, attributes, 1, memory);
    return result as Handle;
  }

  /**
   * The result of an operation that only looks at its first input in another way. Where that is of a scope in progress, it
   * goes soon, and its memory is the result's own.
   */
  look(name: string, inputs: readonly Handle[], attributes: Attributes): Handle {
    const [input] = inputs as readonly [Handle];
    const passing = this.isPassing(input);
    const [result] = this.#execute(name, inputs, attributes, 1, 'shared', passing);
    return result as Handle;
  }

  /** Whether a tensor has memory of its own and goes at the end of a scope unless somebody keeps it. */
  isPassing(handle: Handle): boolean {
    return handle.memory === 'own' && this.#scopes.some((scope) => scope.has(handle));
  }

  /** Runs an operation that has no result. */
  runOnly(name: string, inputs: readonly Handle[], attributes: Attributes = {}): void {
    this.#execute(name, inputs, attributes, 0, 'own');
  }

  #execute(
    name: string,
    inputs: readonly Handle[],
    attributes: Attributes,
    results: number,
    memory: Handle['memory'],
    takesOver = false,
  ): readonly Handle[] {
    this.#operations += 1;
    const ids = inputs.map(({ id }) => id);
    try {
      const made = this.binding.executeOp(name, this.#attributesOf(attributes), ids, results);
      return made.map(({ id, shape, dtype }) => {
        const type = typeNames.get(dtype) as NativeType;
        return this.#adopt({
          id,
          shape,
          type,
          bytes: memory === 'shared' ? 0 : bytesOf(shape, type),
          memory: takesOver ? 'own' : memory,
        });
      });
    } catch (error) {
      throw nativeFailure(name, error);
    }
  }

  /** Takes over `data`, which nobody may change afterwards. */
  upload(data: Float32Array | Int32Array, shape: readonly number[]): Handle {
    return this.#adopt(this.#make(data, shape));
  }

  /** The bytes of a float tensor; waits for the device. */
  download(handle: Handle): ArrayBuffer {
    try {
      const data = this.binding.tensorDataSync(handle.id);
      return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
    } catch (error) {
      throw nativeFailure('a download', error);
    }
  }

  #make(data: Float32Array | Int32Array, shape: readonly number[]): Handle {
    const type = data instanceof Float32Array ? 'float' : 'int32';
    try {
      const id = this.binding.createTensor(shape, typeNumbers[type], data);
      return { id, shape, type, bytes: data.byteLength, memory: 'own' };
    } catch (error) {
      throw nativeFailure('an upload', error, data.byteLength);
    }
  }

  /** Constant integers (shapes, axes, small index lists), kept for next time. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): Handle {
    return this.#constant(`i${shape.join()}:${values.join()}`, () => this.#make(Int32Array.from(values), shape));
  }

  /** A constant integer. */
  integer(value: number): Handle {
    return this.#constant(`i:${value}`, () => this.#make(Int32Array.of(value), []));
  }

  /** A constant number. */
  scalar(value: number): Handle {
    return this.#constant(`f:${value}`, () => this.#make(Float32Array.of(value), []));
  }

  #constant(key: string, make: () => Handle): Handle {
    const known = this.#constants.get(key);
    if (known !== undefined) {
      this.#constants.delete(key); // to the end: what an operation is about to use is never the oldest
      this.#constants.set(key, known);
      return known;
    }
    if (this.#constants.size >= maxConstants) {
      const [[oldKey, old] = []] = this.#constants;
      if (oldKey !== undefined && old !== undefined) this.#drop(oldKey, old);
    }
    const made = make();
    this.#tensors += 1;
    this.#constants.set(key, made);
    this.#constantBytes += made.bytes;
    this.onReserve();
    return made;
  }

  #drop(key: string, handle: Handle): void {
    this.#constants.delete(key);
    this.#constantBytes -= handle.bytes;
    this.binding.deleteTensor(handle.id);
    this.#tensors -= 1;
  }

  /** Gives the constants back. */
  dropConstants(): void {
    for (const [key, handle] of this.#constants) this.#drop(key, handle);
    this.onReserve();
  }

  /** Runs `body` and deletes the tensors made inside that were not kept. */
  scope<T>(body: () => T): T {
    const made = new Set<Handle>();
    this.#scopes.push(made);
    try {
      return body();
    } finally {
      this.#scopes.pop();
      for (const handle of made) this.#release(handle, true);
    }
  }

  /** Takes a tensor out of its scope: who asks owns it, and accounts for its bytes. */
  keep(handle: Handle): Handle {
    for (let depth = this.#scopes.length - 1; depth >= 0; depth -= 1) {
      if (!this.#scopes[depth]?.delete(handle)) continue;
      this.#ledger.addLive('scratch', -handle.bytes);
      return handle;
    }
    return handle;
  }

  /** Gives a tensor of the innermost scope to the one `levels` further out. */
  pass(handle: Handle, levels = 1): Handle {
    const inner = this.#scopes.at(-1);
    if (inner?.delete(handle)) this.#scopes.at(-1 - levels)?.add(handle);
    return handle;
  }

  /** Deletes a tensor of the scope in progress before its end. */
  discard(handle: Handle): void {
    for (let depth = this.#scopes.length - 1; depth >= 0; depth -= 1) {
      if (!this.#scopes[depth]?.delete(handle)) continue;
      this.#release(handle, true);
      return;
    }
  }

  /** Deletes a tensor that was kept, or gives up one hold of it. */
  delete(handle: Handle): void {
    const holds = this.#holds.get(handle) ?? 0;
    if (holds === 0) this.#release(handle, false);
    else if (holds === 1) this.#holds.delete(handle);
    else this.#holds.set(handle, holds - 1);
  }

  /** Holds a tensor that was kept: it stays until it is deleted once more. Nobody may write to it meanwhile. */
  hold(handle: Handle): Handle {
    this.#holds.set(handle, (this.#holds.get(handle) ?? 0) + 1);
    return handle;
  }

  isHeld(handle: Handle): boolean {
    return this.#holds.has(handle);
  }

  /** Gives a tensor that was kept to the scope in progress. */
  adopt(handle: Handle): Handle {
    this.#ledger.addLive('scratch', handle.bytes);
    this.#scopes.at(-1)?.add(handle);
    return handle;
  }

  #adopt(handle: Handle): Handle {
    this.#tensors += 1;
    this.#ledger.addLive('scratch', handle.bytes);
    this.#scopes.at(-1)?.add(handle);
    return handle;
  }

  #release(handle: Handle, counted: boolean): void {
    this.binding.deleteTensor(handle.id);
    this.#tensors -= 1;
    if (counted) this.#ledger.addLive('scratch', -handle.bytes);
  }

  #attributesOf(attributes: Attributes): readonly OperationAttribute[] {
    let known = this.#attributes.get(attributes);
    if (known === undefined) {
      known = Object.entries(attributes).map(([name, value]) => this.#attribute(name, value));
      this.#attributes.set(attributes, known);
    }
    return known;
  }

  #attribute(name: string, value: AttributeValue): OperationAttribute {
    const { TF_ATTR_BOOL, TF_ATTR_INT, TF_ATTR_TYPE, TF_ATTR_SHAPE, TF_ATTR_STRING } = this.binding;
    if (typeof value === 'object') {
      return 'text' in value
        ? { name, type: TF_ATTR_STRING, value: value.text }
        : { name, type: TF_ATTR_SHAPE, value: value.sizes };
    }
    if (typeof value === 'boolean') return { name, type: TF_ATTR_BOOL, value };
    if (typeof value === 'number') return { name, type: TF_ATTR_INT, value };
    return { name, type: TF_ATTR_TYPE, value: typeNumbers[value] };
  }
}

/** Constants that are kept at most. */
const maxConstants = 512;

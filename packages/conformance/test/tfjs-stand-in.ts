/**
 * For machines on which no libtensorflow can be had: the calls that the CUDA backend makes of the native binding, answered
 * by tfjs-core on its own backends: WebAssembly, or plain JavaScript, which also has what WebAssembly lacks. It shows that
 * the backend's code is right, and nothing of TensorFlow. A tensor is a place that several numbers may name (another shape,
 * other types of the same bits), so that writes in place are seen by all.
 */

import { createRequire } from 'node:module';
import { decodeFloat16, encodeFloat16 } from '@inattention/core';

/** A tensor of tfjs, as far as it is used. Its own types bring those of another WebGPU. */
interface Tensor {
  readonly shape: readonly number[];
  dataSync(): ArrayLike<number> & Iterable<number>;
  arraySync(): unknown;
}

type Operation = (...inputs: readonly unknown[]) => Tensor;

interface Tfjs {
  readonly version_core: string;
  readonly exp: Operation;
  readonly log: Operation;
  readonly sqrt: Operation;
  readonly square: Operation;
  readonly sigmoid: Operation;
  readonly softmax: Operation;
  readonly add: Operation;
  readonly sub: Operation;
  readonly mul: Operation;
  readonly div: Operation;
  readonly divNoNan: Operation;
  readonly maximum: Operation;
  readonly sum: Operation;
  readonly max: Operation;
  readonly matMul: Operation;
  readonly einsum: Operation;
  readonly transpose: Operation;
  readonly slice: Operation;
  readonly gather: Operation;
  readonly pad: Operation;
  readonly concat: Operation;
  readonly fill: Operation;
  readonly unsortedSegmentSum: Operation;
  readonly tensor: Operation;
  split(x: Tensor, sizes: readonly number[], axis: number): Tensor[];
  engine(): { startScope(): void; endScope(): void };
  enableProdMode(): void;
  getBackend(): string;
  setBackend(name: StandIn): Promise<boolean>;
}

/** The backends of tfjs that stand in. */
export type StandIn = 'cpu' | 'wasm';

const require = createRequire(import.meta.url);
require('@tensorflow/tfjs-backend-cpu');
require('@tensorflow/tfjs-backend-wasm');
const tf = require('@tensorflow/tfjs-core') as Tfjs;
tf.enableProdMode(); // else it tells every process to install tfjs-node

/** What tfjs has no kernel of for WebAssembly. */
const onlyOnCpu: ReadonlySet<string> = new Set(['Einsum', 'SegmentSum']);

type Contents = Float32Array | Int32Array | Uint16Array | Int8Array;

interface Entry {
  /** What all looks at the same memory share: its bytes. Null for a variable that holds nothing. */
  readonly place: { bytes: ArrayBuffer };
  readonly shape: readonly number[];
  readonly dtype: number;
}

interface Attribute {
  readonly name: string;
  readonly value: unknown;
}

type Values = Readonly<Record<string, unknown>>;

/** TensorFlow's numbers. */
const [float, int32, int8, half, resource] = [1, 3, 6, 19, 20];

const numbersOf = (tensor: Tensor | undefined): number[] => [...(tensor as Tensor).dataSync()];

/** What each operation computes, by tfjs. */
const computes: Readonly<Record<string, (inputs: readonly Tensor[], values: Values) => Tensor>> = {
  Exp: ([x]) => tf.exp(x as Tensor),
  Log: ([x]) => tf.log(x as Tensor),
  Sqrt: ([x]) => tf.sqrt(x as Tensor),
  Sigmoid: ([x]) => tf.sigmoid(x as Tensor),
  Softmax: ([x]) => tf.softmax(x as Tensor),
  AddV2: ([a, b]) => tf.add(a as Tensor, b as Tensor),
  Sub: ([a, b]) => tf.sub(a as Tensor, b as Tensor),
  Mul: ([a, b]) => tf.mul(a as Tensor, b as Tensor),
  RealDiv: ([a, b]) => tf.div(a as Tensor, b as Tensor),
  DivNoNan: ([a, b]) => tf.divNoNan(a as Tensor, b as Tensor),
  Maximum: ([a, b]) => tf.maximum(a as Tensor, b as Tensor),
  SoftplusGrad: ([gradient, x]) => tf.mul(gradient as Tensor, tf.sigmoid(x as Tensor)),
  Sum: ([x, axes]) => tf.sum(x as Tensor, numbersOf(axes), true),
  Max: ([x, axes]) => tf.max(x as Tensor, numbersOf(axes), true),
  EuclideanNorm: ([x, axes]) => tf.sqrt(tf.sum(tf.square(x as Tensor), numbersOf(axes), true)),
  MatMul: ([a, b], values) =>
    tf.matMul(a as Tensor, b as Tensor, Boolean(values.transpose_a), Boolean(values.transpose_b)),
  BatchMatMulV2: ([a, b], { adj_x, adj_y }) => tf.matMul(a as Tensor, b as Tensor, Boolean(adj_x), Boolean(adj_y)),
  Einsum: ([row, matrix]) => tf.einsum('hqc,dhc->qd', row as Tensor, matrix as Tensor),
  Transpose: ([x, axes]) => tf.transpose(x as Tensor, numbersOf(axes)),
  Slice: ([x, begin, size]) => tf.slice(x as Tensor, numbersOf(begin), numbersOf(size)),
  GatherV2: ([x, rows, axis]) => tf.gather(x as Tensor, rows, numbersOf(axis)[0]),
  PadV2: ([x, paddings, value]) => {
    const pairs = (paddings as Tensor).arraySync() as [number, number][];
    return tf.pad(x as Tensor, pairs, numbersOf(value)[0]);
  },
  ConcatV2: (inputs) => tf.concat(inputs.slice(0, -1), numbersOf(inputs.at(-1))[0]),
  Fill: ([shape, value]) => tf.fill(numbersOf(shape), numbersOf(value)[0] as number, 'float32'),
  Roll: ([input, shift]) => {
    const x = input as Tensor;
    const axis = x.shape.length - 1;
    const [by = 0] = numbersOf(shift);
    const [first, second] = tf.split(x, [(x.shape[axis] as number) - by, by], axis) as [Tensor, Tensor];
    return tf.concat([second, first], axis);
  },
  SegmentSum: ([x, ids]) => tf.unsortedSegmentSum(x as Tensor, ids, (numbersOf(ids).at(-1) ?? -1) + 1),
};

function arrayOver({ place, dtype }: Entry): Contents {
  if (dtype === float) return new Float32Array(place.bytes);
  if (dtype === int32) return new Int32Array(place.bytes);
  return dtype === half ? new Uint16Array(place.bytes) : new Int8Array(place.bytes);
}

/** The stand-in for the binding, on the backend of tfjs that is named. */
export async function standInBinding(name: StandIn): Promise<TfjsBinding> {
  await tf.setBackend(name); // compiles it; from then on a change of backend takes effect at once
  return new TfjsBinding(name);
}

export class TfjsBinding {
  readonly TF_Version: string;
  readonly #backend: StandIn;
  readonly TF_ATTR_STRING = 0;
  readonly TF_ATTR_INT = 1;
  readonly TF_ATTR_FLOAT = 2;
  readonly TF_ATTR_BOOL = 3;
  readonly TF_ATTR_TYPE = 4;
  readonly TF_ATTR_SHAPE = 5;
  readonly #entries = new Map<number, Entry>();
  #next = 0;

  constructor(backend: StandIn) {
    this.TF_Version = `none: tfjs-core ${tf.version_core} stands in, on its ${backend} backend`;
    this.#backend = backend;
  }

  isUsingGpuDevice(): boolean {
    return false;
  }

  getNumOfTensors(): number {
    return this.#entries.size;
  }

  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array): number {
    return this.#add({ place: { bytes: data.slice().buffer }, shape, dtype });
  }

  deleteTensor(id: number): void {
    if (!this.#entries.delete(id)) throw new Error(`Delete called on a Tensor not referenced (tensor_id: ${id})`);
  }

  tensorDataSync(id: number): Contents {
    return arrayOver(this.#entry(id)).slice();
  }

  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], results: number) {
    const values = Object.fromEntries(attributes.map((attribute) => [attribute.name, attribute.value]));
    const made = this.#execute(
      name,
      values,
      inputs.map((id) => this.#entry(id)),
    );
    if (results === 0 || made === null) return [];
    return [{ id: this.#add(made), shape: made.shape, dtype: made.dtype }];
  }

  #execute(name: string, values: Values, inputs: readonly Entry[]): Entry | null {
    const [first, second, third] = inputs as readonly [Entry, Entry, Entry];
    switch (name) {
      case 'Reshape':
        return { ...first, shape: [...arrayOver(second)] };
      case 'Bitcast':
        return bitcast(first, values.type as number);
      case 'Cast':
        return cast(first, values.DstT as number);
      case 'DeepCopy':
        return { ...first, place: { bytes: first.place.bytes.slice(0) } };
      case 'InplaceUpdate':
      case 'InplaceAdd':
      case 'InplaceSub':
        return inPlace(name, first, arrayOver(second), arrayOver(third));
      case 'VarHandleOp':
        return { place: { bytes: new ArrayBuffer(0) }, shape: values.shape as number[], dtype: resource };
      case 'AssignVariableOp':
        first.place.bytes = second.place.bytes;
        return null;
      case 'ReadVariableOp':
        return { place: { bytes: first.place.bytes }, shape: first.shape, dtype: float };
      case 'DestroyResourceOp':
        return null;
      case 'ResourceApplyAdam':
        return adam(inputs);
      default:
        return this.#compute(name, values, inputs);
    }
  }

  #compute(name: string, values: Values, inputs: readonly Entry[]): Entry {
    const compute = computes[name];
    if (compute === undefined) throw new Error(`Op type not registered '${name}'`);
    const backend = onlyOnCpu.has(name) ? 'cpu' : this.#backend;
    if (tf.getBackend() !== backend) void tf.setBackend(backend);
    tf.engine().startScope();
    try {
      const tensors = inputs.map((entry) =>
        tf.tensor(arrayOver(entry) as Float32Array, [...entry.shape], entry.dtype === int32 ? 'int32' : 'float32'),
      );
      const result = compute(tensors, values);
      return { place: { bytes: Float32Array.from(result.dataSync()).buffer }, shape: result.shape, dtype: float };
    } finally {
      tf.engine().endScope();
    }
  }

  #entry(id: number): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`Input Tensor ID not referenced (tensor_id: ${id})`);
    return entry;
  }

  #add(entry: Entry): number {
    const id = this.#next;
    this.#next += 1;
    this.#entries.set(id, entry);
    return id;
  }
}

/** The same bits as smaller or larger numbers: an axis more, or one less. */
function bitcast({ place, shape, dtype }: Entry, to: number): Entry {
  const bytes = (type: number) => (type === half ? 2 : type === int8 ? 1 : 4);
  const parts = bytes(dtype) / bytes(to);
  return { place, dtype: to, shape: parts > 1 ? [...shape, parts] : parts < 1 ? shape.slice(0, -1) : shape };
}

function cast(entry: Entry, to: number): Entry {
  const { shape, dtype } = entry;
  const data = arrayOver(entry);
  const converted =
    to === half
      ? encodeFloat16(data as Float32Array)
      : dtype === half
        ? decodeFloat16(data as Uint16Array)
        : Float32Array.from(data);
  return { place: { bytes: converted.slice().buffer }, shape, dtype: to };
}

/** Rows of a tensor written where they are. */
function inPlace(name: string, target: Entry, rows: Contents, values: Contents): Entry {
  const data = arrayOver(target);
  const width = data.length / (target.shape[0] as number);
  const factor = name === 'InplaceSub' ? -1 : 1;
  rows.forEach((row: number, place: number) => {
    for (let k = 0; k < width; k += 1) {
      const value = values[place * width + k] as number;
      const at = row * width + k;
      data[at] = name === 'InplaceUpdate' ? value : (data[at] as number) + factor * value;
    }
  });
  return target;
}

/** var, m, v, β₁ᵗ, β₂ᵗ, rate, β₁, β₂, ε, gradient. */
function adam(inputs: readonly Entry[]): null {
  const [parameter, first, second] = inputs.slice(0, 3).map(({ place }) => new Float32Array(place.bytes)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [power1, power2, rate, beta1, beta2, epsilon] = inputs.slice(3, 9).map((entry) => arrayOver(entry)[0]) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const gradient = arrayOver(inputs[9] as Entry);
  const corrected = (rate * Math.sqrt(1 - power2)) / (1 - power1);
  parameter.forEach((value, i) => {
    const slope = gradient[i] as number;
    first[i] = beta1 * (first[i] as number) + (1 - beta1) * slope;
    second[i] = beta2 * (second[i] as number) + (1 - beta2) * slope * slope;
    parameter[i] = value - (corrected * (first[i] as number)) / (Math.sqrt(second[i] as number) + epsilon);
  });
  return null;
}

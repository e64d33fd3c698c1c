/**
 * The native addon of tfjs-node and tfjs-node-gpu as it is: eager calls of TensorFlow's C interface. Tensors are numbers;
 * every call is synchronous, and enqueues on a GPU. Only what this package uses is declared.
 */

/** An attribute of an operation. */
export interface OperationAttribute {
  readonly name: string;
  /** One of the binding's TF_ATTR_ constants. */
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

/** What an operation returns for each result. */
interface NativeTensor {
  readonly id: number;
  readonly shape: readonly number[];
  /** TensorFlow's number of the dtype. */
  readonly dtype: number;
}

export interface NativeBinding {
  readonly TF_Version: string;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_SHAPE: number;
  /** Copies float32 to the device; int32 stays on the host until an operation on the device wants it. */
  createTensor(shape: readonly number[], dtype: number, data: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  /** Waits for the device and copies out. */
  tensorDataSync(id: number): Float32Array | Int32Array;
  executeOp(
    name: string,
    attributes: readonly OperationAttribute[],
    inputs: readonly number[],
    results: number,
  ): readonly NativeTensor[];
  isUsingGpuDevice(): boolean;
  getNumOfTensors(): number;
}

/** TensorFlow's numbers of dtypes (types.proto). */
export const typeNumbers = { float: 1, int32: 3, int8: 6, half: 19, resource: 20 } as const;

export type NativeType = keyof typeof typeNumbers;

/** Bytes of one element; a resource is a name. */
export const nativeBytes: Readonly<Record<NativeType, number>> = { float: 4, int32: 4, int8: 1, half: 2, resource: 0 };

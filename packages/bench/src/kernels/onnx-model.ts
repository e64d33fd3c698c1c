/**
 * Small ONNX models of f32 tensors, encoded as protocol buffers (field numbers of onnx.proto): what a peer needs to run one
 * product or one attention. Not a writer for models of other kinds.
 */

interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxTensor[];
  readonly constants: readonly (OnnxTensor & { readonly data: Float32Array })[];
  readonly nodes: readonly { readonly type: string; readonly inputs: readonly string[]; readonly output: string }[];
  readonly outputs: readonly OnnxTensor[];
}

const irVersion = 8;
const operatorSet = 17;
const float = 1;

/** The bytes of a model with one graph. */
export function onnxModel({ inputs, constants, nodes, outputs }: OnnxGraph): Uint8Array {
  const graph = message(
    ...nodes.map(({ type, inputs: read, output }) =>
      field(1, message(...read.map((name) => field(1, text(name))), field(2, text(output)), field(4, text(type)))),
    ),
    field(2, text('graph')),
    ...constants.map(({ name, shape, data }) =>
      field(
        5,
        message(
          ...shape.map((size) => field(1, size)),
          field(2, float),
          field(8, text(name)),
          field(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
        ),
      ),
    ),
    ...inputs.map((tensor) => field(11, valueInfo(tensor))),
    ...outputs.map((tensor) => field(12, valueInfo(tensor))),
  );
  return message(field(1, irVersion), field(7, graph), field(8, message(field(2, operatorSet))));
}

function valueInfo({ name, shape }: OnnxTensor): Uint8Array {
  const dimensions = message(...shape.map((size) => field(1, message(field(1, size)))));
  return message(field(1, text(name)), field(2, message(field(1, message(field(1, float), field(2, dimensions))))));
}

/** A field: a whole number as it is, bytes with their length. */
function field(number: number, value: number | Uint8Array): Uint8Array {
  if (typeof value === 'number') return Uint8Array.from([...varint(number << 3), ...varint(value)]);
  return message(Uint8Array.from([...varint((number << 3) | 2), ...varint(value.length)]), value);
}

function message(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/**
 * The element types that a GGUF file can hold, by their numbers in it (ggml's `ggml_type`), and how many bytes a block
 * takes. Types that are read as weights have a decoder in decode-blocks.ts; of the others only the layout is checked.
 * Source: the GGUF specification and ggml's type traits (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 */

export interface TensorType {
  readonly name: string;
  /** Elements of a block; blocks run along a tensor's rows. */
  readonly blockLength: number;
  readonly blockBytes: number;
}

const table: readonly (readonly [id: number, name: string, blockLength: number, blockBytes: number])[] = [
  [0, 'F32', 1, 4],
  [1, 'F16', 1, 2],
  [2, 'Q4_0', 32, 18],
  [3, 'Q4_1', 32, 20],
  [6, 'Q5_0', 32, 22],
  [7, 'Q5_1', 32, 24],
  [8, 'Q8_0', 32, 34],
  [10, 'Q2_K', 256, 84],
  [11, 'Q3_K', 256, 110],
  [12, 'Q4_K', 256, 144],
  [13, 'Q5_K', 256, 176],
  [14, 'Q6_K', 256, 210],
  [15, 'Q8_K', 256, 292],
  [16, 'IQ2_XXS', 256, 66],
  [17, 'IQ2_XS', 256, 74],
  [18, 'IQ3_XXS', 256, 98],
  [19, 'IQ1_S', 256, 50],
  [20, 'IQ4_NL', 32, 18],
  [21, 'IQ3_S', 256, 110],
  [22, 'IQ2_S', 256, 82],
  [23, 'IQ4_XS', 256, 136],
  [24, 'I8', 1, 1],
  [25, 'I16', 1, 2],
  [26, 'I32', 1, 4],
  [27, 'I64', 1, 8],
  [28, 'F64', 1, 8],
  [29, 'IQ1_M', 256, 56],
  [30, 'BF16', 1, 2],
  [34, 'TQ1_0', 256, 54],
  [35, 'TQ2_0', 256, 66],
  [39, 'MXFP4', 32, 17],
  [40, 'NVFP4', 64, 36],
  [41, 'Q1_0', 128, 18],
];

const byId: ReadonlyMap<number, TensorType> = new Map(
  table.map(([id, name, blockLength, blockBytes]) => [id, { name, blockLength, blockBytes }]),
);
const byName: ReadonlyMap<string, TensorType> = new Map([...byId.values()].map((type) => [type.name, type]));
const idByName: ReadonlyMap<string, number> = new Map(table.map(([id, name]) => [name, id]));

/** The type of a number in a file; undefined for one that is not known. */
export function tensorTypeOf(id: number): TensorType | undefined {
  return byId.get(id);
}

/** The type of a name. */
export function tensorTypeNamed(name: string): TensorType | undefined {
  return byName.get(name);
}

/** A type's number in files. */
export function tensorTypeId(name: string): number | undefined {
  return idByName.get(name);
}

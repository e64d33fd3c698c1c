/** The element types a safetensors file can hold, by their names in it (the reference implementation's list, 0.8.0). */

const bitsByName: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8],
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['U8', 8],
  ['I8', 8],
  ['F8_E5M2', 8],
  ['F8_E4M3', 8],
  ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2FNUZ', 8],
  ['I16', 16],
  ['U16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['I32', 32],
  ['U32', 32],
  ['F32', 32],
  ['C64', 64],
  ['F64', 64],
  ['I64', 64],
  ['U64', 64],
]);

/** The dtypes whose tensors can be read and written as weights. */
export type WeightDType = 'F32' | 'F16' | 'BF16';

/** Names of all dtypes that a header may use. */
export const dtypeNames: readonly string[] = [...bitsByName.keys()];

/** Bits of one element; undefined for an unknown name. */
export function bitsPerElement(dtype: string): number | undefined {
  return bitsByName.get(dtype);
}

/** True for dtypes that are read as weights. */
export function isWeightDType(dtype: string): dtype is WeightDType {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

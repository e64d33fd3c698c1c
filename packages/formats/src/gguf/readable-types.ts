/** Names of the types that weights are read of (decode-blocks.ts); apart from the decoders, for messages that list them. */
export const readableTypes: readonly string[] = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q4_K', 'Q6_K'];

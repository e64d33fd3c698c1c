/** The four ways to keep a context (DESIGN §4). All give the same logits up to rounding. */

export const contextModes = ['tables', 'kv', 'states', 'ids'] as const;

/**
 * `kv`: keys and values per position. `tables`: keys and values per distinct id, shared by all sessions of a model.
 * `states`: context states, projected block by block. `ids`: nothing but ids.
 */
export type ContextMode = (typeof contextModes)[number];

/** dtype of what a context keeps: keys and values, table rows, or states. */
export type ContextDType = 'f32' | 'f16';

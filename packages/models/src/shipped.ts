/** Every shipped model by name. Made by scripts/export.mjs. */

import type { ShippedModel } from './shipped-model.ts';

export const models: Readonly<Record<string, ShippedModel>> = {};

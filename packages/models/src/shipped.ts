/** Every shipped model by name. Made by scripts/export.mjs. */

import { small } from './shipped/small.ts';

export const models = { small: small };

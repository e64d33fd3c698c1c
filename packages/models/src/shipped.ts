/** Every shipped model by name. Made by scripts/export.mjs. */

import { small } from './shipped/small.ts';
import { small16k } from './shipped/small-16k.ts';
import { smallSelf } from './shipped/small-self.ts';

export const models = { small: small, 'small-self': smallSelf, 'small-16k': small16k };

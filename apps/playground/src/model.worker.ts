/** All work with models, off the page's thread: on a graphics card where there is one, otherwise on the processor. */

import { serveModels } from '@inattention/model/worker';
import { candidatesFor } from './backend-candidates.ts';
import { backendChoice } from './backend-choice.ts';

serveModels({ candidates: candidatesFor(backendChoice(self.name)) });

/** A session with its mirror. */

import type { Session } from '@inattention/model';
import type { SessionMirror } from './session-mirror.ts';

export interface Member {
  readonly session: Session;
  readonly mirror: SessionMirror;
}

/** Ids that sessions with a budget have room for. */
export const limit = 1024;

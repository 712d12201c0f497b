// Has the API make a report and keep it.

import type { KeptReport } from '../api/answers';
import { send } from '../api/client';

/** The API waits 10 s for a turn, reads for up to 60 s, and then writes. */
const MAKING_MS = 80_000;

/** What a report is about; without a service, everything. */
export interface Asked {
  from: string;
  to: string;
  service?: string;
}

/** Throws `Refused`, as any request. */
export function makeReport(asked: Asked): Promise<KeptReport> {
  return send<KeptReport>('POST', '/v1/reports', asked, MAKING_MS);
}

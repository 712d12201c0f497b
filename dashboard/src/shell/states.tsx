// What a panel shows where it has no numbers: loading, did not load, nothing there.

import type { ComponentChildren } from 'preact';
import { Refused } from '../api/client';
import { CopyButton } from './copy';

const WIDTHS = [
  [34, 22, 12],
  [31, 22, 12],
  [28, 22, 12],
  [25, 22, 12],
  [22, 22, 12],
];

/** Grey bars in the size of what comes. */
export function Loading({ rows = 5 }: { rows?: number }) {
  return (
    <div class="loading" aria-busy="true">
      <span class="unseen">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row}>
          {WIDTHS[row % WIDTHS.length]!.map((width, i) => (
            <i key={i} style={{ width: `${width}%` }} />
          ))}
          <i />
        </div>
      ))}
    </div>
  );
}

/** Grey room of the size of a chart. */
export function LoadingChart({ height }: { height: number }) {
  return (
    <div class="loading-chart" aria-busy="true" style={{ height: `${height}px` }}>
      <span class="unseen">Loading</span>
    </div>
  );
}

interface FailedProps {
  /** `This chart`, `This table`. */
  what: string;
  error: unknown;
  /** The request's path and query, for the copy. */
  path: string;
  again: () => void;
}

export function Failed({ what, error, path, again }: FailedProps) {
  const story = error instanceof Refused ? error.message : 'The answer could not be read.';
  const detail = error instanceof Refused ? error.problem?.detail : null;
  return (
    <div class="failed" role="alert">
      <p>
        <b>{what} did not load.</b> <span class="secondary">{story}{detail ? ` ${detail}` : ''}</span>
      </p>
      <p class="buttons">
        <button type="button" class="button small" onClick={again}>
          Try again
        </button>
        <CopyButton class="button small" what="Request" text={() => `curl -s '${location.origin}${path}'`}>
          Copy the request
        </CopyButton>
      </p>
    </div>
  );
}

/** A statement about nothing, with what is known about it, and a way out. */
export function Statement({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <p class="statement">
      <b>{title}</b> <span class="secondary">{children}</span> {action}
    </p>
  );
}

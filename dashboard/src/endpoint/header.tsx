import type { Endpoint } from '../api/answers';
import { CopyButton } from '../shell/copy';
import { Route } from '../table/route';
import type { View } from '../view';
import { carried, linkTo } from '../view';
import { curlOf } from './by-api';
import { MakeReport } from './make-report';

interface HeaderProps {
  answer: Endpoint | null;
  id: string;
  path: string;
  view: View;
  /** Nothing was ever counted for it. */
  unknown: boolean;
}

/** Which endpoint this is, and what one takes away from here. */
export function Header({ answer, id, path, view, unknown }: HeaderProps) {
  return (
    <div class="bar endpoint-head">
      <div>
        <p class="muted">
          <a href={linkTo('/', carried(view))}>Endpoints</a> / {answer?.service ?? (unknown ? 'none' : '…')}
        </p>
        <h1 class="title">
          {answer ? (
            <>
              {answer.method} <Route of={answer.route} breaks />
            </>
          ) : (
            unknown ? 'No such endpoint' : `Endpoint ${id}`
          )}
        </h1>
      </div>
      <span class="space" />
      <CopyButton what="curl command" text={() => curlOf(path)}>
        Copy as curl
      </CopyButton>
      <CopyButton class="button on-wide" what="Link" text={() => location.href}>
        Copy link <kbd>y</kbd>
      </CopyButton>
      {answer && <MakeReport answer={answer} />}
    </div>
  );
}

import type { Endpoint } from '../api/answers';
import { address } from '../api/client';
import { dateAndTime, seconds } from '../format/times';
import { Panel } from '../shell/panel';

/** The page's own request, as one types it. */
export function curlOf(path: string): string {
  return `curl -s '${location.origin}${path}'`;
}

const LINE_CHARACTERS = 60;

/** The same in lines that fit a panel. */
function inLines(path: string): string {
  const [name, query] = path.split('?');
  let parts = query ? '\\\n?' : '';
  let room = LINE_CHARACTERS;
  query?.split('&').forEach((part, i) => {
    const breaks = i > 0 && room < part.length + 2;
    parts += `${i > 0 ? '&' : ''}${breaks ? '\\\n' : ''}${part}`;
    room = (breaks ? LINE_CHARACTERS : room) - part.length - 1;
  });
  // A backslash within single quotes would be sent; double quotes join the lines. None of the values holds a dollar sign.
  return `curl -s "${location.origin}${name}${parts}"`;
}

export function ByApi({ answer, path }: { answer: Endpoint; path: string }) {
  const { id, service, from, to } = answer;
  const first_s = seconds(answer.first_request_at);
  const csv = address('/v1/report', { from, to, service, format: 'csv' });
  return (
    <Panel title="The same numbers by API">
      <div class="panel-body">
        <pre tabIndex={0} aria-label="curl command">
          {inLines(path)}
        </pre>
        <p class="muted fine after-pre">
          Also <a href={path}>JSON</a>, and the whole service as <a href={csv}>CSV</a>. Endpoint <span class="mono">{id}</span> of service {service}
          {first_s != null && <>, first seen {dateAndTime(first_s)}</>}.
        </p>
      </div>
    </Panel>
  );
}

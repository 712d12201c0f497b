import { useEffect, useState } from 'preact/hooks';
import type { LiveState } from '../api/answers';
import { live } from '../api/live';
import { counted } from '../format/numbers';
import { CopyButton } from '../shell/copy';
import { Panel } from '../shell/panel';
import { Shape } from '../shell/shape';
import { useWatched } from '../store';
import { carried, go, here } from '../view';
import { useTitle } from '../title';

const WAYS = ['curl', 'OpenTelemetry', 'tally import'] as const;
type Way = (typeof WAYS)[number];

interface Recipe {
  title: string;
  command: string;
  after: string;
}

/** The commands for this very Tally: pasted as they are, they work. */
function recipe(way: Way, at: string): Recipe {
  switch (way) {
    case 'curl':
      return {
        title: 'One request, by hand',
        command: `curl -i '${at}/v1/events' \\
  -H 'Content-Type: application/json' \\
  -d '{"service":"checkout","method":"POST","route":"/v1/orders",
       "status":201,"duration_ms":84.2}'`,
        after: 'The answer is 202 with the number accepted. In a batch, a bad event never costs the others.',
      };
    case 'OpenTelemetry':
      return {
        title: 'Any service with OpenTelemetry, no new code',
        command: `export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT='${at}/v1/traces'
export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
export OTEL_SERVICE_NAME=checkout`,
        after: 'Restart the service. Server spans become events; the exporter’s retries are counted once.',
      };
    case 'tally import':
      return {
        title: 'The logs you already have',
        command: `tally import --follow --to '${at}' --service shop /var/log/nginx/access.log`,
        after: 'Counts what is in the file, then what is written to it, across rotation; started again it goes on where it ended.',
      };
  }
}

interface Light {
  name: string;
  ok: boolean;
  detail: string;
  cure: string | null;
}

/** The four things that must be there, each with what is wrong and the command that cures it. */
function lights(state: LiveState | null): Light[] {
  const asked = { ok: false, detail: 'asking…', cure: null };
  const accepted = state?.accepted ?? 0;
  return [
    { name: 'Redis', ...(state?.redis ?? asked) },
    { name: 'PostgreSQL', ...(state?.postgres ?? asked) },
    { name: 'Consumer', ...(state?.consumer ?? asked) },
    {
      name: 'First event',
      ok: (state?.counted ?? 0) > 0,
      detail: accepted ? `${counted(accepted, 'event')} accepted, not counted yet` : 'waiting, 0 accepted so far',
      cure: null,
    },
  ];
}

function Lights({ state }: { state: LiveState | null }) {
  return (
    <ul class="lights">
      {lights(state).map((light) => (
        <li key={light.name}>
          <Shape is={light.ok ? 'disc' : 'ring'} />
          <b>{light.name}</b>
          <span class="secondary">
            {light.detail}
            {light.cure && (
              <>
                {' '}
                <code>{light.cure}</code>
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Ways({ way, choose }: { way: Way; choose: (way: Way) => void }) {
  return (
    <div class="segments" role="group" aria-label="How to send">
      {WAYS.map((one) => (
        <button key={one} type="button" aria-pressed={one === way} onClick={() => choose(one)}>
          {one}
        </button>
      ))}
    </div>
  );
}

/** What an empty Tally shows; it turns into the dashboard when the first event is counted. */
export function FirstRunPage() {
  const [way, choose] = useState<Way>('curl');
  const { state } = useWatched(live);
  const { title, command, after } = recipe(way, location.origin);
  useTitle('First event');
  const arrived = (state?.counted ?? 0) > 0;
  useEffect(() => {
    // A poll's vote is an event too, but the dashboard of requests would still be empty; it says so itself.
    if (arrived && here().path === '/first-run') go('/', carried(here().view));
  }, [arrived]);
  return (
    <div class="first-run">
      <h1>Nothing counted yet</h1>
      <p class="secondary">Tally is running and ready. Send it one event; this page turns into the dashboard when it arrives.</p>
      <Ways way={way} choose={choose} />
      <Panel title={title} action={<CopyButton class="button small" what="Command" text={() => command}>Copy</CopyButton>}>
        <div class="panel-body">
          <pre tabIndex={0} aria-label={title}>
            {command}
          </pre>
          <p class="secondary">{after}</p>
        </div>
      </Panel>
      <Panel title="Ready?" class="gap">
        <div class="panel-body">
          <Lights state={state} />
        </div>
      </Panel>
    </div>
  );
}

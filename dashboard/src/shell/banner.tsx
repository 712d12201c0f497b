// One banner a page, the worst. The sentences are the design's, to the letter.

import type { ComponentChildren } from 'preact';
import { connect, live } from '../api/live';
import type { Verdict } from '../api/verdict';
import { upgraded, verdictOf } from '../api/verdict';
import { useNow } from '../clock';
import { grouped, THIN } from '../format/numbers';
import { clock, length, roughly } from '../format/times';
import { TimeOf } from '../format/time-of';
import { useWatched } from '../store';
import type { ShapeName } from './shape';
import { Shape } from './shape';
import { shardWords } from './top-bar';

type Weight = 'warning' | 'error' | 'notice';

interface BannerProps {
  weight: Weight;
  shape: ShapeName;
  title: string;
  action?: ComponentChildren;
  children: ComponentChildren;
}

export function Banner({ weight, shape, title, action, children }: BannerProps) {
  return (
    <div class={`banner ${weight}`} role={weight === 'error' ? 'alert' : 'status'}>
      <Shape is={shape} />
      <span>
        <b>{title}</b> {children}
      </span>
      {action}
    </div>
  );
}

/** A moment in a sentence; before anything was counted there is none. */
function At({ s }: { s: number | null }) {
  return s == null ? <>before anything was counted</> : <TimeOf s={s} text={clock(s)} />;
}

const toPipeline = (
  <a class="button small" href="/pipeline">
    Pipeline
  </a>
);

function Reconnecting({ verdict }: { verdict: Verdict & { is: 'reconnecting' } }) {
  const again = (
    <button type="button" class="button small" onClick={connect}>
      Try now
    </button>
  );
  return (
    <Banner weight="warning" shape="ring" title="Reconnecting." action={again}>
      {verdict.as_of_s != null && (
        <>
          These numbers are from <At s={verdict.as_of_s} />, {length(verdict.ago_s)} ago.{' '}
        </>
      )}
      Trying again {verdict.again_in_s > 0 ? `in ${verdict.again_in_s}${THIN}s` : 'now'}.
    </Banner>
  );
}

function Behind({ verdict }: { verdict: Verdict & { is: 'behind' } }) {
  const about = verdict.catch_up_s == null ? '' : `, about ${roughly(verdict.catch_up_s)} at the present speed`;
  return (
    <Banner weight="warning" shape="triangle" title="Counting is behind." action={toPipeline}>
      Counted through <At s={verdict.through_s} />; {grouped(verdict.waiting)} accepted events wait{about}. Nothing is lost.
    </Banner>
  );
}

function Halted({ verdict }: { verdict: Verdict & { is: 'halted' } }) {
  const words = shardWords(verdict.shards);
  const title = `${words[0]!.toUpperCase()}${words.slice(1)} ${verdict.shards.length === 1 ? 'is' : 'are'} halted.`;
  return (
    <Banner weight="error" shape="square" title={title} action={toPipeline}>
      What it takes, a part of every service's events, is accepted but not counted since <At s={verdict.through_s} />: numbers from there
      on are too low. Nothing is lost.
    </Banner>
  );
}

/** The banner of a verdict; nothing where all is well. */
export function VerdictBanner({ verdict }: { verdict: Verdict }) {
  switch (verdict.is) {
    case 'reconnecting':
      return <Reconnecting verdict={verdict} />;
    case 'behind':
      return <Behind verdict={verdict} />;
    case 'halted':
      return <Halted verdict={verdict} />;
    case 'postgres':
      return (
        <Banner weight="error" shape="square" title="PostgreSQL does not answer." action={toPipeline}>
          Events are still accepted and kept. These numbers are from <At s={verdict.as_of_s} />.
        </Banner>
      );
    case 'redis':
      return (
        <Banner weight="error" shape="square" title="Redis does not answer." action={toPipeline}>
          Events are refused with 503; senders should repeat them. Counted numbers are complete up to <At s={verdict.as_of_s} />.
        </Banner>
      );
    default:
      return null;
  }
}

export function UpgradeBanner({ to }: { to: string }) {
  const reload = (
    <button type="button" class="button small" onClick={() => location.reload()}>
      Reload
    </button>
  );
  return (
    <Banner weight="notice" shape="disc" title={`Tally was upgraded to ${to}.`} action={reload}>
      Reload to get the page that belongs to it; your view is kept.
    </Banner>
  );
}

/** The name of the script this page runs. */
const script = new URL(import.meta.url).pathname.split('/').pop() ?? '';

export function LiveBanner() {
  const connection = useWatched(live);
  const verdict = verdictOf(connection, useNow());
  const calm = verdict.is === 'live' || verdict.is === 'waiting' || verdict.is === 'connecting';
  if (calm && import.meta.env.PROD && upgraded(connection.state, script)) return <UpgradeBanner to={connection.state!.version} />;
  return <VerdictBanner verdict={verdict} />;
}

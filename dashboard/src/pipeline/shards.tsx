import type { Shard } from '../api/answers';
import { Amount } from '../format/quantity';
import { count, counted, grouped, NONE, threeDigits } from '../format/numbers';
import { Panel } from '../shell/panel';
import { Shape } from '../shell/shape';
import type { Column } from '../shell/small-table';
import { SmallTable } from '../shell/small-table';
import { behind } from './figures';

function State({ shard }: { shard: Shard }) {
  switch (shard.state) {
    case 'reading':
      return (
        <span class="tag">
          <Shape is="disc" />
          reading
        </span>
      );
    case 'catching_up':
      return (
        <span class="tag warn">
          <Shape is="triangle" />
          catching up
        </span>
      );
    case 'unowned':
      return (
        <span class="tag warn">
          <Shape is="ring" />
          no owner
        </span>
      );
    case 'halted':
      return (
        <span class="tag bad" title={shard.halted ?? undefined}>
          <Shape is="square" />
          halted
        </span>
      );
  }
}

/** Events a second; a shard may do far fewer than one. */
function speed(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond >= 999.5 ? grouped(perSecond) : threeDigits(perSecond);
}

function lease(ms: number | null) {
  return ms == null ? NONE : <Amount of={{ text: String(Math.max(0, Math.round(ms / 1000))), unit: 's' }} />;
}

const COLUMNS: Column<Shard>[] = [
  { name: 'Shard', cell: ({ shard }) => shard },
  { name: 'State', cell: (shard) => <State shard={shard} /> },
  { name: 'Consumer', class: 'on-wide', cell: ({ consumer }) => consumer ?? NONE },
  { name: 'Position', class: 'on-wide', cell: ({ position }) => <code>{position ?? NONE}</code> },
  { name: 'Backlog', class: 'number', cell: ({ in_flight }) => <Amount of={count(in_flight)} /> },
  { name: 'Behind', class: 'number', cell: ({ behind_ms }) => <Amount of={behind(behind_ms)} /> },
  { name: 'Events/s', class: 'number on-wide', cell: ({ events_per_second }) => speed(events_per_second) },
  { name: 'Lease ends in', class: 'number on-desk', cell: ({ lease_ends_in_ms }) => lease(lease_ends_in_ms) },
];

export function Shards({ shards, consumers }: { shards: Shard[]; consumers: number }) {
  const halted = shards.filter((shard) => shard.state === 'halted');
  const beside = <span class="muted">{`${counted(shards.length, 'shard')}, ${counted(consumers, 'consumer')}`}</span>;
  return (
    <Panel title="Shards" beside={beside}>
      {halted.map((shard) => (
        <p key={shard.shard} class="panel-body bad">
          <b>Shard {shard.shard} is halted:</b> {shard.halted}
        </p>
      ))}
      <SmallTable columns={COLUMNS} rows={shards} id={({ shard }) => shard} />
    </Panel>
  );
}

import type { Shard } from '../api/answers';
import { Amount } from '../format/quantity';
import { count, counted, grouped, NONE, threeDigits } from '../format/numbers';
import { Panel } from '../shell/panel';
import { Shape } from '../shell/shape';
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

function Row({ shard }: { shard: Shard }) {
  return (
    <tr>
      <td>{shard.shard}</td>
      <td>
        <State shard={shard} />
      </td>
      <td class="on-wide">{shard.consumer ?? NONE}</td>
      <td class="on-wide">
        <code>{shard.position ?? NONE}</code>
      </td>
      <td class="number">
        <Amount of={count(shard.in_flight)} />
      </td>
      <td class="number">
        <Amount of={behind(shard.behind_ms)} />
      </td>
      <td class="number on-wide">{speed(shard.events_per_second)}</td>
      <td class="number on-desk">{lease(shard.lease_ends_in_ms)}</td>
    </tr>
  );
}

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
      <div class="table-room">
        <table>
          <thead>
            <tr>
              <th scope="col">Shard</th>
              <th scope="col">State</th>
              <th scope="col" class="on-wide">
                Consumer
              </th>
              <th scope="col" class="on-wide">
                Position
              </th>
              <th scope="col" class="number">
                Backlog
              </th>
              <th scope="col" class="number">
                Behind
              </th>
              <th scope="col" class="number on-wide">
                Events/s
              </th>
              <th scope="col" class="number on-desk">
                Lease ends in
              </th>
            </tr>
          </thead>
          <tbody>
            {shards.map((shard) => (
              <Row key={shard.shard} shard={shard} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

// Routes that met the limits of admission: their requests are counted, under <other>.

import type { Folded } from '../api/answers';
import type { Reading } from '../api/reading';
import { Amount } from '../format/quantity';
import { count, grouped } from '../format/numbers';
import { Panel } from '../shell/panel';
import type { Column } from '../shell/small-table';
import { ReadTable } from '../shell/small-table';
import { Statement } from '../shell/states';

const SAMPLES = 3;

export interface FoldedService {
  service: string;
  routes: number;
  requests: number;
  samples: string[];
}

/** The sample by service, most requests first. */
export function byService(folded: Folded['folded']): FoldedService[] {
  const services = new Map<string, FoldedService>();
  for (const route of folded) {
    const one = services.get(route.service) ?? { service: route.service, routes: 0, requests: 0, samples: [] };
    one.routes += 1;
    one.requests += route.requests;
    if (one.samples.length < SAMPLES) one.samples.push(route.route);
    services.set(route.service, one);
  }
  return [...services.values()].sort((a, b) => b.requests - a.requests || a.service.localeCompare(b.service));
}

function Samples({ of }: { of: string[] }) {
  return (
    <>
      {of.map((route, index) => (
        <>
          {index > 0 && ', '}
          <code>{route}</code>
        </>
      ))}
    </>
  );
}

const COLUMNS: Column<FoldedService>[] = [
  { name: 'Service', cell: ({ service }) => service },
  { name: 'Routes', class: 'number', title: 'In the bounded sample that is kept', cell: ({ routes }) => grouped(routes) },
  { name: 'Folded requests', class: 'number', cell: ({ requests }) => <Amount of={count(requests)} /> },
  { name: 'Samples', class: 'on-wide', cells: 'long', cell: ({ samples }) => <Samples of={samples} /> },
];

export function FoldedRoutes({ reading, path }: { reading: Reading<Folded>; path: string }) {
  const beside = <span class="muted">a service keeps 5,000 routes; the rest is counted as &lt;other&gt;</span>;
  return (
    <Panel title="Folded routes" beside={beside}>
      <ReadTable
        reading={reading}
        path={path}
        bars={1}
        columns={COLUMNS}
        rows={({ folded }) => byService(folded)}
        id={({ service }) => service}
        nothing={() => <Statement title="No route was folded.">Every route has a row of its own.</Statement>}
      />
    </Panel>
  );
}

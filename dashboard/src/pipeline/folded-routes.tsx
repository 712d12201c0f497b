// Routes that met the limits of admission: their requests are counted, under <other>.

import type { Folded } from '../api/answers';
import type { Reading } from '../api/reading';
import { Amount } from '../format/quantity';
import { count, grouped } from '../format/numbers';
import { Panel } from '../shell/panel';
import { Failed, Loading, Statement } from '../shell/states';

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

function Table({ services }: { services: FoldedService[] }) {
  return (
    <div class="table-room">
      <table>
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col" class="number" title="In the bounded sample that is kept">
              Routes
            </th>
            <th scope="col" class="number">
              Folded requests
            </th>
            <th scope="col" class="on-wide">
              Samples
            </th>
          </tr>
        </thead>
        <tbody>
          {services.map((service) => (
            <tr key={service.service}>
              <td>{service.service}</td>
              <td class="number">{grouped(service.routes)}</td>
              <td class="number">
                <Amount of={count(service.requests)} />
              </td>
              <td class="on-wide long">
                {service.samples.map((route, index) => (
                  <>
                    {index > 0 && ', '}
                    <code>{route}</code>
                  </>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function FoldedRoutes({ reading, path }: { reading: Reading<Folded>; path: string }) {
  const { answer, error, bars, again } = reading;
  const beside = <span class="muted">a service keeps 5,000 routes; the rest is counted as &lt;other&gt;</span>;
  return (
    <Panel title="Folded routes" beside={beside}>
      {answer?.folded.length ? (
        <Table services={byService(answer.folded)} />
      ) : (
        <div class="panel-body">
          {answer ? (
            <Statement title="No route was folded.">Every route has a row of its own.</Statement>
          ) : error ? (
            <Failed what="This table" error={error} path={path} again={again} />
          ) : (
            bars && <Loading rows={1} />
          )}
        </div>
      )}
    </Panel>
  );
}

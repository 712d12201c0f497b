import { useMemo, useRef } from 'preact/hooks';
import { grouped } from '../format/numbers';
import { useKeys } from '../shell/keys';
import { serviceIn, withService } from './filter';

export interface ServiceCount {
  service: string;
  endpoints: number;
}

interface FilterBarProps {
  filter: string;
  services: ServiceCount[];
  total: number;
  onFilter: (filter: string) => void;
}

/** More chips than this are a list, not a choice; the rest is typed. */
const MOST_CHIPS = 8;

export function FilterBar({ filter, services, total, onFilter }: FilterBarProps) {
  const input = useRef<HTMLInputElement>(null);
  const keys = useMemo(() => ({ '/': () => input.current?.focus() }), []);
  useKeys(keys);
  return (
    <div class="filter-bar">
      <h2 class="whole">Endpoints</h2>
      <label class="field">
        <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
          <circle cx="6" cy="6" r="4.3" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="M9.3 9.3L13 13" stroke="currentColor" stroke-width="1.5" />
        </svg>
        <span class="unseen">Filter endpoints</span>
        <input
          ref={input}
          value={filter}
          onInput={(event) => onFilter(event.currentTarget.value)}
          placeholder="Filter: charges  service:payments  5xx>1%  p99>500ms"
          autoComplete="off"
          spellcheck={false}
          enterkeyhint="search"
        />
        <kbd class="on-wide" aria-hidden="true">
          /
        </kbd>
      </label>
      <Chips filter={filter} services={services} total={total} onFilter={onFilter} />
    </div>
  );
}

function Chips({ filter, services, total, onFilter }: FilterBarProps) {
  const chosen = serviceIn(filter)?.toLowerCase() ?? null;
  const busiest = services.slice(0, MOST_CHIPS);
  const asked = services.find(({ service }) => service.toLowerCase() === chosen);
  const shown = asked && !busiest.includes(asked) ? [...busiest, asked] : busiest;
  const rest = services.length - shown.length;
  return (
    <div class="chips" role="group" aria-label="Service">
      <button type="button" class="chip" aria-pressed={chosen === null} onClick={() => onFilter(withService(filter, null))}>
        All<span>{grouped(total)}</span>
      </button>
      {shown.map(({ service, endpoints }) => (
        <button
          type="button"
          class="chip"
          key={service}
          aria-pressed={service.toLowerCase() === chosen}
          onClick={() => onFilter(withService(filter, service.toLowerCase() === chosen ? null : service))}
        >
          {service}
          <span>{grouped(endpoints)}</span>
        </button>
      ))}
      {rest > 0 && <span class="muted whole fine">and {grouped(rest)} more: type service:name</span>}
    </div>
  );
}

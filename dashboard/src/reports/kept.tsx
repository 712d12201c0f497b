import { useState } from 'preact/hooks';
import type { KeptReport, Reports } from '../api/answers';
import { send, sentenceOf } from '../api/client';
import type { Reading } from '../api/reading';
import { Amount } from '../format/quantity';
import { bytes, NONE } from '../format/numbers';
import { TimeOf } from '../format/time-of';
import { DAY_S, hourMinute, length, roughly, seconds, since } from '../format/times';
import { say } from '../shell/say';
import type { Column } from '../shell/small-table';
import { ReadTable } from '../shell/small-table';
import { Statement } from '../shell/states';

const FORMATS = ['html', 'csv', 'json'] as const;

/** `day` for a whole day, else the length. */
function windowWords(report: KeptReport): string {
  const [from_s, to_s] = [seconds(report.from), seconds(report.to)];
  if (from_s == null || to_s == null) return NONE;
  return to_s - from_s === DAY_S ? 'day' : length(to_s - from_s);
}

function Download({ report }: { report: KeptReport }) {
  return (
    <>
      {FORMATS.map((format, index) => (
        <span key={format} class={index ? 'on-wide' : ''}>
          {index > 0 && ' '}
          <a href={`/v1/reports/${encodeURIComponent(report.name)}.${format}`} aria-label={`${report.title} as ${format.toUpperCase()}`}>
            {format.toUpperCase()}
          </a>
        </span>
      ))}
    </>
  );
}

function Made({ at }: { at: string }) {
  const at_s = seconds(at);
  return at_s == null ? <>{NONE}</> : <TimeOf s={at_s} text={Date.now() / 1000 - at_s < DAY_S ? since(at_s) : `${since(at_s)} ${hourMinute(at_s)}`} />;
}

function deletedIn({ deleted_at }: KeptReport): string {
  const left_s = (seconds(deleted_at) ?? 0) - Date.now() / 1000;
  return left_s > 0 ? roughly(left_s) : 'soon';
}

function columns(remove: (report: KeptReport) => void): Column<KeptReport>[] {
  const button = (report: KeptReport) => (
    <button type="button" class="button small" onClick={() => remove(report)} aria-label={`Delete ${report.title}`}>
      Delete
    </button>
  );
  return [
    { name: 'Report', cells: 'long', cell: ({ title }) => title },
    { name: 'Window', class: 'on-wide', cells: 'secondary', cell: windowWords },
    { name: 'Made', class: 'on-wide', cells: 'secondary', cell: ({ made_at }) => <Made at={made_at} /> },
    { name: 'Size', class: 'number on-wide', cell: (report) => <Amount of={bytes(report.bytes.html)} /> },
    { name: 'Deleted in', class: 'on-desk', cells: 'secondary', cell: deletedIn },
    { name: 'Download', cell: (report) => <Download report={report} /> },
    { name: 'Delete', unseen: true, cells: 'number', cell: button },
  ];
}

function nothing(answer: Reports) {
  return answer.directory_writable ? (
    <Statement title="No reports yet.">Make one of the window you look at, or let one be made every day.</Statement>
  ) : (
    <Statement title="Reports are not kept here.">
      Set TALLY_REPORTS_DIR to a directory that the API may write, or <code>reports.enabled</code> in the chart. tally report --out makes one
      without keeping it.
    </Statement>
  );
}

export function Kept({ reading, path }: { reading: Reading<Reports>; path: string }) {
  const [problem, tell] = useState<string | null>(null);
  const { answer, again } = reading;
  const remove = async (report: KeptReport) => {
    try {
      await send('DELETE', `/v1/reports/${encodeURIComponent(report.name)}`);
      tell(null);
      say(`${report.title} deleted`);
    } catch (error) {
      tell(sentenceOf(error));
    }
    again();
  };
  const kept = answer ? `It is deleted here after ${answer.kept_days === 1 ? 'a day' : `${answer.kept_days} days`}.` : '';
  return (
    <section class="panel" aria-label="Kept reports">
      <div class="panel-head">
        <span class="secondary">A report is one file that needs no network: print it, mail it, keep it. {kept}</span>
        {problem && (
          <span class="bad" role="alert">
            {problem}
          </span>
        )}
      </div>
      <ReadTable
        reading={reading}
        path={path}
        what="This list"
        bars={3}
        columns={columns(remove)}
        rows={({ reports }) => reports}
        id={({ name }) => name}
        nothing={nothing}
      />
    </section>
  );
}

import { useState } from 'preact/hooks';
import type { KeptReport, Reports } from '../api/answers';
import { send, sentenceOf } from '../api/client';
import type { Reading } from '../api/reading';
import { Amount } from '../format/quantity';
import { bytes, NONE } from '../format/numbers';
import { TimeOf } from '../format/time-of';
import { DAY_S, hourMinute, length, roughly, seconds, since } from '../format/times';
import { say } from '../shell/say';
import { Failed, Loading, Statement } from '../shell/states';

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

function Row({ report, remove }: { report: KeptReport; remove: (report: KeptReport) => void }) {
  const left_s = (seconds(report.deleted_at) ?? 0) - Date.now() / 1000;
  return (
    <tr>
      <td class="long">{report.title}</td>
      <td class="on-wide secondary">{windowWords(report)}</td>
      <td class="on-wide secondary">
        <Made at={report.made_at} />
      </td>
      <td class="number on-wide">
        <Amount of={bytes(report.bytes.html)} />
      </td>
      <td class="on-desk secondary">{left_s > 0 ? roughly(left_s) : 'soon'}</td>
      <td>
        <Download report={report} />
      </td>
      <td class="number">
        <button type="button" class="button small" onClick={() => remove(report)} aria-label={`Delete ${report.title}`}>
          Delete
        </button>
      </td>
    </tr>
  );
}

function Table({ reports, remove }: { reports: KeptReport[]; remove: (report: KeptReport) => void }) {
  return (
    <div class="table-room">
      <table>
        <thead>
          <tr>
            <th scope="col">Report</th>
            <th scope="col" class="on-wide">
              Window
            </th>
            <th scope="col" class="on-wide">
              Made
            </th>
            <th scope="col" class="number on-wide">
              Size
            </th>
            <th scope="col" class="on-desk">
              Deleted in
            </th>
            <th scope="col">Download</th>
            <th scope="col">
              <span class="unseen">Delete</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {reports.map((report) => (
            <Row key={report.name} report={report} remove={remove} />
          ))}
        </tbody>
      </table>
    </div>
  );
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
  const { answer, error, bars, again } = reading;
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
      {answer?.reports.length ? (
        <Table reports={answer.reports} remove={remove} />
      ) : (
        <div class="panel-body">
          {answer ? nothing(answer) : error ? <Failed what="This list" error={error} path={path} again={again} /> : bars && <Loading rows={3} />}
        </div>
      )}
    </section>
  );
}

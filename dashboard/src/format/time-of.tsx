import { NONE } from './numbers';
import { seconds, since, utc } from './times';

/** A moment as text, with UTC in RFC 3339 on hover. */
export function TimeOf({ s, text, strong }: { s: number; text: string; strong?: boolean }) {
  const at = utc(s);
  return (
    <time dateTime={at} title={at}>
      {strong ? <b>{text}</b> : text}
    </time>
  );
}

/** How long ago it was, of a time as the API gives it. */
export function Ago({ at }: { at: string | null }) {
  const at_s = seconds(at);
  return at_s == null ? <>{NONE}</> : <TimeOf s={at_s} text={since(at_s)} />;
}

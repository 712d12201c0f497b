import { utc } from './times';

/** A moment as text, with UTC in RFC 3339 on hover. */
export function TimeOf({ s, text, strong }: { s: number; text: string; strong?: boolean }) {
  const at = utc(s);
  return (
    <time dateTime={at} title={at}>
      {strong ? <b>{text}</b> : text}
    </time>
  );
}

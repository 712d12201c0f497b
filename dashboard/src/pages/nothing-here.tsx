import { useEffect } from 'preact/hooks';
import { Statement } from '../shell/states';

export function NothingHerePage() {
  useEffect(() => void (document.title = 'Nothing here · Tally'), []);
  const back = (
    <a class="button small" href="/">
      Overview
    </a>
  );
  return (
    <>
      <div class="bar">
        <h1 class="title">Nothing here</h1>
      </div>
      <Statement title="There is no page at this address." action={back} />
    </>
  );
}

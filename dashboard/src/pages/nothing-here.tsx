import { Statement } from '../shell/states';
import { useTitle } from '../title';

export function NothingHerePage() {
  useTitle('Nothing here');
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

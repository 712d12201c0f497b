import type { DeadLetterReasons, Folded, Pipeline } from '../api/answers';
import { useReading } from '../api/reading';
import { Books } from '../pipeline/books';
import { DeadLetters } from '../pipeline/dead-letters';
import { FoldedRoutes } from '../pipeline/folded-routes';
import { PipelineFigures } from '../pipeline/figures';
import { History } from '../pipeline/history';
import { Shards } from '../pipeline/shards';
import { Failed, Loading } from '../shell/states';
import { useTitle } from '../title';

const EVERY_MS = 1_000;
/** Dead letters and folded routes change seldom; a redrive ends without a commit being heard of. */
const SELDOM_MS = 5_000;

const PATH = '/v1/pipeline';
const REASONS_PATH = '/v1/dead-letters/reasons';
const FOLDED_PATH = '/v1/folded?limit=1000';

/** What an operator opens first: is every event accounted for, is counting fresh, what was set aside. */
export function PipelinePage() {
  useTitle('Pipeline');
  const pipeline = useReading<Pipeline>(PATH, EVERY_MS, EVERY_MS);
  const reasons = useReading<DeadLetterReasons>(REASONS_PATH, EVERY_MS, SELDOM_MS);
  const folded = useReading<Folded>(FOLDED_PATH, SELDOM_MS, SELDOM_MS);
  const now = pipeline.answer;
  return (
    <div class="stack">
      <h1 class="unseen">Pipeline</h1>
      {now ? (
        <>
          <Books pipeline={now} />
          <PipelineFigures pipeline={now} />
          <History history={now.history} />
          <Shards shards={now.shards} consumers={now.consumers} />
        </>
      ) : pipeline.error ? (
        <section class="panel">
          <Failed what="The pipeline" error={pipeline.error} path={PATH} again={pipeline.again} />
        </section>
      ) : (
        pipeline.bars && (
          <section class="panel">
            <div class="panel-body">
              <Loading rows={9} />
            </div>
          </section>
        )
      )}
      <DeadLetters reading={reasons} path={REASONS_PATH} />
      <FoldedRoutes reading={folded} path={FOLDED_PATH} />
    </div>
  );
}

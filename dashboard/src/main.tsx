// The dashboard's table of contents: what is always there, and which page is shown where.

import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/panels.css';
import './style/tables.css';
import './style/charts.css';
import './style/vote.css';
import { connect } from './api/live';
import { EndpointPage } from './pages/endpoint';
import { FirstRunPage } from './pages/first-run';
import { NothingHerePage } from './pages/nothing-here';
import { OverviewPage } from './pages/overview';
import { PipelinePage } from './pages/pipeline';
import { PollsPage } from './pages/polls';
import { ReportsPage } from './pages/reports';
import { StatesPage } from './pages/states';
import { Frame } from './shell/frame';
import { listenForKeys } from './shell/keys';
import { followLinks } from './shell/links';
import { usePlace } from './view';

function pageAt(path: string) {
  const endpoint = /^\/endpoints\/(\d+)$/.exec(path);
  if (endpoint) return <EndpointPage key={endpoint[1]} id={endpoint[1]!} />;
  switch (path) {
    case '/':
      return <OverviewPage />;
    case '/pipeline':
      return <PipelinePage />;
    case '/polls':
      return <PollsPage />;
    case '/reports':
      return <ReportsPage />;
    case '/first-run':
      return <FirstRunPage />;
    case '/states':
      return <StatesPage />;
    default:
      return <NothingHerePage />;
  }
}

function Tally() {
  const { path } = usePlace();
  return <Frame path={path}>{pageAt(path)}</Frame>;
}

connect();
listenForKeys();
followLinks();
render(<Tally />, document.getElementById('page')!);

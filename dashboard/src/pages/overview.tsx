export function OverviewPage() {
  return <h1 class="title">Overview</h1>;
}

export function ReportsPage() {
  return <h1 class="title">Reports</h1>;
}

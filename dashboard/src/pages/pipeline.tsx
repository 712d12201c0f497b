export function PipelinePage() {
  return <h1 class="title">Pipeline</h1>;
}

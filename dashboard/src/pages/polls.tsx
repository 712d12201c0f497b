export function PollsPage() {
  return <h1 class="title">Polls</h1>;
}

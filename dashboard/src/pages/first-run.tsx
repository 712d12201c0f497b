export function FirstRunPage() {
  return <h1 class="title">FirstRun</h1>;
}

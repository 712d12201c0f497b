export function StatesPage() {
  return <h1 class="title">States</h1>;
}

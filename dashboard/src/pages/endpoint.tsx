export function EndpointPage({ id }: { id: string }) {
  return <h1 class="title">Endpoint {id}</h1>;
}

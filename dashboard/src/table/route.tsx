/** A route with its parameters in grey, and a place to break after each slash. */
export function Route({ of }: { of: string }) {
  const parts = of.split(/(\{[^}]*\}|\/(?=.))/);
  return (
    <>
      {parts.map((part, i) => {
        if (part === '/') return <>/{i > 1 && <wbr />}</>;
        return part.startsWith('{') ? <span class="muted">{part}</span> : part;
      })}
    </>
  );
}

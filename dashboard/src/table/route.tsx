/** A route with its parameters in grey; with `breaks`, it may go on in the next line after a slash. */
export function Route({ of, breaks }: { of: string; breaks?: boolean }) {
  return (
    <>
      {of.split(/(\{[^}]*\}|\/(?=.))/).map((part, i) => {
        if (part.startsWith('{')) return <span class="muted">{part}</span>;
        // Also where lines must not break, browsers break at this element: it is there only where they may.
        return part === '/' && breaks && i > 1 ? [part, <wbr />] : part;
      })}
    </>
  );
}

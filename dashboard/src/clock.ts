// Now, once a second, for what counts seconds: "2 min 26 s ago".

import { useEffect, useState } from 'preact/hooks';

/** This computer's clock in ms, drawn anew every second; nothing ticks while nothing needs it, or in a hidden tab. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { say } from './say';

const SHOWN_MS = 1_500;

/** Puts text on the clipboard; without a secure origin browsers keep the modern way to themselves, so there is the old one. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'unseen';
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

/** Copies the link to this view and says so. */
export async function copyLink(): Promise<void> {
  say((await copy(location.href)) ? 'Link copied' : 'The link could not be copied');
}

interface CopyProps {
  text: () => string;
  what: string;
  class?: string;
  children: ComponentChildren;
}

/** A button that copies and says "Copied" for a moment. */
export function CopyButton({ text, what, class: looks = 'button', children }: CopyProps) {
  const [done, set] = useState<'' | 'Copied' | 'Not copied'>('');
  const press = async () => {
    const ok = await copy(text());
    set(ok ? 'Copied' : 'Not copied');
    say(ok ? `${what} copied` : `${what} could not be copied`);
    setTimeout(() => set(''), SHOWN_MS);
  };
  return (
    <button type="button" class={looks} onClick={press}>
      {done || children}
    </button>
  );
}

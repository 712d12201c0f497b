import type { ComponentChildren } from 'preact';

interface PanelProps {
  title: ComponentChildren;
  /** Beside the title: what a figure means, a legend, a switch. */
  beside?: ComponentChildren;
  /** At the far end of the header. */
  action?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

/** A surface with a title. */
export function Panel({ title, beside, action, class: extra = '', children }: PanelProps) {
  return (
    <section class={`panel ${extra}`}>
      <div class="panel-head">
        <h2>{title}</h2>
        {beside}
        {action && <span class="space" />}
        {action}
      </div>
      {children}
    </section>
  );
}

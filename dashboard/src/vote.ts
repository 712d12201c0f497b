// The vote pages are whole without this script. It may import types only: what it shared with the page would become a third
// file that both have to wait for.
export {};

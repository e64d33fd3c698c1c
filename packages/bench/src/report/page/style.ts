/** The report's style sheet. Colours: Okabe and Ito's, told apart with any colour vision; lighter ones on dark. */

export const style: string = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1b1b1b; --quiet: #5c5c5c; --line: #d8d8d8; --shade: #f4f4f4; --limit: #b00020;
  --self: #555555; --kv: #c24a00; --tables: #0072b2; --tables-warm: #2f9fe0; --tables-revisited: #0b3c5d; --states: #00805b; --ids: #b0568a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181b; --text: #e8e8e8; --quiet: #a5a5a5; --line: #3a3d42; --shade: #1f2226; --limit: #ff7a85;
    --self: #b5b5b5; --kv: #ff9a52; --tables: #5bb4f0; --tables-warm: #a3dbff; --tables-revisited: #3d8fd1; --states: #3fd3a4; --ids: #e79ac6;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 88rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; }
p, li { max-width: 72rem; text-wrap: pretty; }
.note, .notes { color: var(--quiet); }
dl { display: grid; grid-template-columns: fit-content(30%) 1fr; gap: .15rem 1rem; margin: 1rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .9em ui-monospace, monospace; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; max-width: 56rem; }
figcaption { font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: .2rem 0; padding: 0; font-size: .85rem; }
.legend li { display: inline-flex; align-items: center; gap: .3rem; }
.chart { display: block; width: 100%; height: auto; font-size: 11px; }
.chart text { white-space: pre; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .22rem .65rem; white-space: nowrap; }
thead th { border-bottom: 2px solid var(--line); white-space: normal; vertical-align: bottom; font-weight: 600; }
tbody th { font-weight: 400; }
.right { text-align: right; }
.left { text-align: left; }
.group th, .group td { border-top: 1px solid var(--line); }
.again { color: transparent; }
.extrapolated { font-style: italic; color: var(--quiet); }
tbody tr:hover { background: var(--shade); }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } }
`;

# SPDX-FileCopyrightText: 2026 the natsops maintainers
# SPDX-License-Identifier: Apache-2.0
"""How the page of a report looks: on a phone, on a screen by day and by night, and printed."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #fff; --ink: #1a2129; --soft: #56616e; --line: #dfe3e8; --mono: #f6f7f9;
  --good: #1a7f4b; --bad: #c22f2f; --wait: #8a5800; --calm: #3d5a80; --accent: #2d6cdf; --area: #2d6cdf22;
  --stage: #b9c1cb; --gate: #8793a1; --hold: #616d7b; --drain: #eba43a; --swap: #8455cc; --start: #b83f80; --catch: #2f6fd6;
  --soak: #8cc66f; --verify: #6dbb86; --back: #c74d22; --surge: #62bcbc; --rebalance: #c2a678; --other: #b0a59c;
  --on-dark: #fff; --on-light: #11161c; --on-stage: #11161c;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #181d24; --ink: #e6eaef; --soft: #a3aeba; --line: #2c343e; --mono: #11161c;
    --good: #4cc38a; --bad: #ff7b72; --wait: #e3b341; --calm: #8fb3e2; --accent: #6ea8ff; --area: #6ea8ff2b;
    --stage: #55606d; --gate: #8793a1; --hold: #a9b3c0; --drain: #e3a03a; --swap: #ab87ea; --start: #da6ba6; --catch: #5d9bf5;
    --soak: #78b35c; --verify: #5fb57c; --back: #ee7446; --surge: #55b6b6; --rebalance: #bc9d6d; --other: #9d9289;
    --on-dark: #11161c; --on-stage: #fff;
  }
}
* { box-sizing: border-box }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans", "DejaVu Sans",sans-serif;
  -webkit-text-size-adjust: 100%; overflow-wrap: anywhere;
}
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 8px }
.patterns { position: absolute }
h1 {
  display: flex; gap: 14px; align-items: flex-start; margin: 2px 0 6px; font-size: 28px; line-height: 1.22;
  letter-spacing: -.01em; font-weight: 650;
}
h1 svg { flex: none }
h2 { margin: 0 0 10px; font-size: 17px; line-height: 1.3; font-weight: 650 }
h3 { margin: 14px 0 6px; font-size: 13px; color: var(--soft); font-weight: 600 }
p { margin: 0 0 8px }
ul, ol { margin: 0; padding-left: 20px }
section, .top {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin: 0 0 14px;
}
.top { border-top: 5px solid var(--tone); padding-top: 16px }
.kicker, .note, .at, .seen, .when, small { color: var(--soft) }
.kicker { font-size: 13px; margin: 0 0 4px }
.note { font-size: 13px; margin: -6px 0 12px }
.when { margin: 0; font-size: 14px }
.when a { color: inherit }
.sentence { font-size: 16px }
.at, .seen { font-size: 13px }
.lines { white-space: pre-wrap }
.o-done { --tone: var(--good) }
.o-failed { --tone: var(--bad) }
.o-refused, .o-not_ended { --tone: var(--wait) }
.o-part_done, .o-nothing_to_do { --tone: var(--calm) }
.disc { fill: var(--tone) }
.sign { fill: none; stroke: var(--card); stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round }
#failure { border-left: 5px solid var(--bad) }
#refused { border-left: 5px solid var(--wait) }
#next { border-left: 5px solid var(--accent) }
#next p { margin: 0; font-size: 16px }
.failed-step + .failed-step { margin-top: 18px; padding-top: 14px; border-top: 1px solid var(--line) }
.place { font-weight: 600 }
pre {
  margin: 0; padding: 12px 14px; max-height: 420px; overflow: auto; background: var(--mono); border: 1px solid var(--line);
  border-radius: 6px; font: 12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
  white-space: pre-wrap;
}
code { font: 600 13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace }
.figures {
  display: flex; flex-wrap: wrap; gap: 1px; margin: 0 0 14px; background: var(--line); border: 1px solid var(--line);
  border-radius: 10px; overflow: hidden;
}
.figure {
  display: flex; flex: 1 1 116px; flex-direction: column-reverse; justify-content: flex-end; background: var(--card);
  padding: 14px 16px;
}
.figure dt { font-size: 13px; color: var(--soft) }
.figure dd {
  margin: 0; white-space: nowrap; font-size: 21px; line-height: 1.3; font-weight: 650; font-variant-numeric: tabular-nums;
}
.findings { list-style: none; padding: 0 }
.findings li + li { margin-top: 12px; padding-top: 12px; border-top: 1px solid var(--line) }
.findings p { margin: 2px 0 0 }
.notes li + li { margin-top: 4px }
.legend {
  display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; padding: 0; margin: 0 0 12px; font-size: 13px;
  color: var(--soft);
}
.dot { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px }
.k-failed { border: 2px solid var(--bad) }
.k-open {
  border: 1px dashed var(--ink); background: repeating-linear-gradient(135deg,var(--soft) 0 1.5px,transparent 1.5px 4px);
}
.k-outage { height: 3px; background: var(--bad); vertical-align: 3px }
.lanes { display: grid; grid-template-columns: minmax(44px, max-content) minmax(0, 1fr); column-gap: 12px }
.names { list-style: none; padding: 4px 0 0; margin: 0; max-width: 170px; font-size: 13px; font-variant-numeric: tabular-nums }
.names.with-head { padding-top: 22px }
.names li { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.row30 li { line-height: 30px }
.row24 li { line-height: 24px }
.row18 li { line-height: 18px; font-size: 12px }
.plot { container-type: inline-size; min-width: 0 }
.plot svg { display: block; overflow: visible }
.moves li { break-inside: avoid }
.moves { margin-top: 10px; font-size: 13px; color: var(--soft); columns: 260px }
svg text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums }
.tick, .grid { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges }
.base { stroke: var(--soft); stroke-width: 1; opacity: .5; shape-rendering: crispEdges }
.lane { stroke: var(--line); stroke-width: 1; shape-rendering: crispEdges }
.from280, .from480, .from700, .from940 { display: none }
@container (min-width: 280px) {
  .from280 { display: inline }
}
@container (min-width: 480px) {
  .from480 { display: inline }
}
@container (min-width: 700px) {
  .from700 { display: inline }
}
@container (min-width: 940px) {
  .from940 { display: inline }
}
svg .in-bar { text-anchor: middle; fill: var(--on-light); font-weight: 600; pointer-events: none }
svg .t-stage { fill: var(--on-stage) }
svg .t-hold, svg .t-swap, svg .t-start, svg .t-catch_up, svg .t-put_back { fill: var(--on-dark) }
.p-stage { fill: var(--stage); background: var(--stage) }
.p-gate { fill: var(--gate); background: var(--gate) }
.p-hold { fill: var(--hold); background: var(--hold) }
.p-drain { fill: var(--drain); background: var(--drain) }
.p-swap { fill: var(--swap); background: var(--swap) }
.p-start { fill: var(--start); background: var(--start) }
.p-catch_up { fill: var(--catch); background: var(--catch) }
.p-soak { fill: var(--soak); background: var(--soak) }
.p-verify { fill: var(--verify); background: var(--verify) }
.p-put_back { fill: var(--back); background: var(--back) }
.p-surge_join, .p-surge_leave { fill: var(--surge); background: var(--surge) }
.p-rebalance { fill: var(--rebalance); background: var(--rebalance) }
.p-other { fill: var(--other); background: var(--other) }
rect.failed { stroke: var(--bad); stroke-width: 2 }
rect.open, rect.interrupted { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 3 2 }
.hatch { fill: url(#stripes) }
.cross { fill: url(#weave) }
.stripe { stroke: var(--ink); stroke-width: 1; opacity: .35; fill: none }
.outage { fill: var(--bad) }
.failure { fill: var(--bad); stroke: var(--card); stroke-width: 2 }
.failure-cross { stroke: var(--card); stroke-width: 2.2; stroke-linecap: round; fill: none }
.leader { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 2 3; opacity: .75 }
.leader-number { fill: var(--ink) }
svg .leader-text { fill: var(--card); font-weight: 700 }
.again { stroke: var(--wait); stroke-width: 1.5 }
svg .again-text { fill: var(--wait); font-weight: 600 }
.line { fill: none; stroke: var(--accent); stroke-width: 1.6; stroke-linejoin: round }
.area { fill: var(--area) }
.band { fill: var(--ink); opacity: .07 }
.band.odd { opacity: .035 }
svg .band-name { text-anchor: middle }
svg .value, svg .band-name { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round }
figure { min-width: 0; margin: 0 0 18px }
figure:last-child { margin-bottom: 0 }
figcaption { font-size: 13px; color: var(--soft); margin-bottom: 6px }
figcaption b { color: var(--ink) }
.multiples { display: grid; grid-template-columns: repeat(auto-fill,minmax(150px,1fr)); gap: 16px 20px }
.few { grid-template-columns: repeat(auto-fit,minmax(220px,1fr)) }
.multiples figure { margin: 0 }
.multiples figcaption {
  display: flex; justify-content: space-between; gap: 8px; margin-bottom: 3px; font-variant-numeric: tabular-nums;
}
.multiples b { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
table { width: 100%; border-collapse: collapse; font-size: 14px }
th, td { padding: 8px 14px 8px 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); font-weight: 400 }
thead th { border-top: 0; padding-top: 0; color: var(--soft); font-size: 13px; font-weight: 600 }
th:last-child, td:last-child { padding-right: 0 }
th b { font-weight: 650 }
th small { display: block; font-size: 12px }
.number { font-variant-numeric: tabular-nums }
.servers .number, .servers .state { white-space: nowrap }
.clients { font-size: 13.5px }
.clients th, .clients td { padding-right: 10px }
table { overflow-wrap: normal }
tbody th { overflow-wrap: break-word }
.many th, .many td { padding-top: 4px; padding-bottom: 4px }
.many small { display: inline }
.turns .number { white-space: nowrap; font-size: 13px }
.turns td.turn-bar { width: 36%; vertical-align: middle }
.s-done { color: var(--good) }
.s-failed, .s-put_back, .bad { color: var(--bad); font-weight: 650 }
.s-under_way { color: var(--wait); font-weight: 650 }
.s-left, .s-not_in_plan { color: var(--soft) }
.asked {
  display: grid; grid-template-columns: minmax(130px,max-content) minmax(0,1fr); gap: 5px 20px; margin: 0; font-size: 14px;
}
.asked dt { color: var(--soft) }
.asked dd { margin: 0 }
footer { max-width: 1120px; margin: 0 auto; padding: 0 20px 28px; font-size: 13px; color: var(--soft) }
@media (max-width: 640px) {
  main { padding: 10px 10px 4px }
  h1 { font-size: 22px; gap: 10px }
  h1 svg { width: 28px; height: 28px }
  section, .top { padding: 14px; margin-bottom: 10px }
  .figures { margin-bottom: 10px }
  .figure { flex-basis: 140px; padding: 11px 14px }
  .figure dd { font-size: 18px }
  .lanes { column-gap: 8px }
  .names { max-width: 112px }
  .multiples { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px }
  .few { grid-template-columns: minmax(0, 1fr) }
  .asked { display: block }
  .asked dd { margin-bottom: 7px }
  table, tbody { display: block }
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
  tr { display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 10px 0; border-top: 1px solid var(--line) }
  tbody tr:first-child { border-top: 0; padding-top: 0 }
  th, td, .many th, .many td, .clients td { border: 0; padding: 0 }
  tr > th { flex: 1 0 100% }
  .servers tr > th, .turns tr > th { flex: 1 0 60% }
  td.none { display: none }
  .turns td.turn-bar { flex: 1 0 100%; width: auto; padding: 3px 0 }
  .servers .number { white-space: normal }
  td[data-label]:before { content: attr(data-label) " "; color: var(--soft); font-size: 12px; font-weight: 400 }
  td.state:before, td[data-label="Version"]:before { content: "" }
  footer { padding: 0 14px 20px }
}
@media print {
  body { background: #fff; font-size: 10.5pt }
  main { max-width: none; padding: 0 }
  section, .top, .figures { break-inside: avoid }
  #servers, #turns, #connections, #failure, #measured { break-inside: auto }
  tr, figure, li { break-inside: avoid }
  h2, h3, .note { break-after: avoid }
  pre { max-height: none; overflow: visible }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  thead { display: table-header-group }
  th, td { padding-right: 8px }
  .turns, .turns .number { font-size: 8.5pt }
  footer { max-width: none; padding: 0 }
}
@page { margin: 14mm }
"""

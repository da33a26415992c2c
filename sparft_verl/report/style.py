"""The page's colours and type, for light and dark screens; nothing is loaded from elsewhere."""

LEVELS = 11
"""Steps of a sequential colour scale, lowest first."""

_PULLS_LIGHT = "#eaf1fb #d0e2f8 #b7d2f5 #9dc3f1 #84b3ed #6aa3e8 #578cce #4475b4 #31609b #1f4a83 #0d366b"
_PULLS_DARK = "#1b2533 #203550 #244570 #275591 #2967b3 #2a78d6 #4f8edf #70a4e7 #8fb9ee #afcef5 #cfe3fb"
_SOLVE_LIGHT = "#f3efb4 #d7e4aa #bbd8a0 #9ecc96 #80c18d #5fb583 #4e9e73 #3e8864 #2d7355 #1d5e46 #0b4a38"
_SOLVE_DARK = "#3a3a1c #3d4a2a #3d5b37 #3c6c46 #387d54 #2f8f63 #56a276 #77b68a #96ca9e #b6deb3 #d5f2c8"


def _ramp(name: str, colours: str) -> str:
    return "".join(f".{name}{level}{{fill:{colour}}}" for level, colour in enumerate(colours.split()))


CSS = (
    """
:root{color-scheme:light dark;--surface:#fcfcfa;--panel:#fff;--ink:#1b1c1e;--soft:#5c6066;--faint:#8b9097;
--line:#e3e4e1;--blue:#2a6fc9;--green:#23805a;--red:#c2502e;--gold:#c9a227}
@media (prefers-color-scheme:dark){:root{--surface:#131417;--panel:#1a1c20;--ink:#eceded;--soft:#adb2b8;
--faint:#81878e;--line:#2f3238;--blue:#6ea8f2;--green:#5fc298;--red:#ec8462;--gold:#dcc05c}}
*{box-sizing:border-box}
body{margin:0;background:var(--surface);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1040px;margin:0 auto;padding:40px 24px 72px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.015em}
h2{font-size:19px;line-height:1.3;margin:0 0 2px;letter-spacing:-.005em}
p{margin:0 0 12px;max-width:96ch}.sub,.note,figcaption{color:var(--soft)}.note,figcaption{font-size:13.5px}
section{margin-top:44px}figure{margin:10px 0 0}
.wide{overflow-x:auto}.wide svg{min-width:700px}svg{display:block;width:100%;height:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0 0}
.tile{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.tile dt{font-size:13px;color:var(--soft)}
.tile dd{margin:2px 0 0;font-size:23px;line-height:1.2;font-weight:600;letter-spacing:-.01em}
.tile small{display:block;font-size:12.5px;font-weight:400;color:var(--soft);letter-spacing:0;margin-top:3px}
table{border-collapse:collapse;width:100%;font-size:14px;margin-top:10px;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:500;color:var(--soft);font-size:13px;vertical-align:bottom}
th:first-child,td:first-child{text-align:left;padding-left:0}
tbody th{color:var(--ink);font-weight:400;font-size:14px}tr.total>*{font-weight:600}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(270px,1fr));gap:18px 22px;margin-top:12px}
summary{cursor:pointer;color:var(--soft)}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px;font-size:13.5px;margin:10px 0 0}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.key{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px;color:var(--soft);margin:8px 0 0}
.key svg{display:inline-block;width:22px;height:12px;margin-right:7px;vertical-align:-1px}
svg text{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .name{fill:var(--ink)}svg .head{fill:var(--faint);font-size:11.5px}
.cell{stroke:var(--surface);stroke-width:.8}.none{fill:var(--line);opacity:.42}
.rule{stroke:var(--line);stroke-width:1;fill:none}.axis{stroke:var(--faint);stroke-width:1;fill:none}
.resumed{stroke:var(--faint);stroke-width:1;stroke-dasharray:3 3;fill:none}
.raw,.trend,.log{fill:none;stroke-linejoin:round;stroke-linecap:round}
.raw{stroke:var(--green);stroke-width:1;opacity:.42}.trend{stroke:var(--green);stroke-width:2.4}
.log{stroke:var(--blue);stroke-width:1.6}.log.dot{fill:var(--blue)}
.raw.dot,.trend.dot{fill:var(--green);opacity:1}
.failed{fill:var(--red);opacity:.9}.mastered{fill:var(--blue)}.level{fill:var(--gold)}
.hover{fill:transparent}.hover:hover{fill:var(--ink);opacity:.07}
.before{fill:var(--surface);stroke:var(--soft);stroke-width:1.8}.after{fill:var(--green)}
.move{stroke:var(--faint);stroke-width:2}.interval{stroke:var(--green);stroke-width:5;opacity:.32}
"""
    + _ramp("p", _PULLS_LIGHT)
    + _ramp("s", _SOLVE_LIGHT)
    + "@media (prefers-color-scheme:dark){"
    + _ramp("p", _PULLS_DARK)
    + _ramp("s", _SOLVE_DARK)
    + "}@media print{body{background:#fff}section{break-inside:avoid}}"
)

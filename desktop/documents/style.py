"""How pages look: dark, since they stand beside images that are read in the dark; in the colours of the window."""

STYLE = """
:root{--back:#06070d;--panel:#0d1020;--raised:#141a30;--line:#262d47;--text:#e6ebf5;--dim:#9fabc4;--link:#5acce6;
--warn:#ffcf5c;--bad:#ff9d94;--good:#86d9a8;color-scheme:dark}
*{box-sizing:border-box}
html{background:var(--back)}
body{margin:0;color:var(--text);font:14px/1.5 "Inter","Segoe UI",system-ui,"Noto Sans","DejaVu Sans",
sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.bar{position:sticky;top:0;z-index:1;display:flex;gap:0 18px;align-items:baseline;padding:7px 28px;
background:var(--panel);border-bottom:1px solid var(--line);color:var(--dim);flex-wrap:wrap}
.bar strong{color:var(--text);font-size:15px}
.bar .what{margin-left:auto}
main{padding:20px 28px 48px;max-width:1180px}
h1{font-size:24px;line-height:1.25;margin:0 0 10px;font-weight:600;letter-spacing:-.01em}
h2{font-size:17px;margin:28px 0 8px;font-weight:600;padding-bottom:4px;border-bottom:1px solid var(--line)}
h3{font-size:15px;margin:20px 0 6px;font-weight:600}
h4,h5,h6{font-size:14px;margin:14px 0 4px;font-weight:600;color:#c9d4ea}
h2 small,.unit,.dim,.count{color:var(--dim);font-weight:400}
p{margin:6px 0;max-width:78ch;white-space:pre-line}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a.reference,.absent{white-space:nowrap}
.absent{opacity:.55;text-decoration:line-through}
a.reference::before{content:"\\25A3\\00a0";opacity:.7}
code,.uid,pre{font-family:ui-monospace,"Cascadia Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:12px}
.uid{color:var(--dim)}
pre{white-space:pre-wrap;background:var(--panel);padding:10px 12px;border-radius:6px;margin:6px 0}
ul,ol{margin:6px 0;padding-left:22px}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:6px 24px;margin:0 0 10px}
.facts>div,.rows>div{min-width:0}
.facts dt{color:var(--dim);font-size:12px;line-height:1.35}
.facts dd{margin:0;line-height:1.4}
.rows{margin:6px 0}
.rows>div{display:grid;grid-template-columns:minmax(110px,230px) minmax(0,1fr);gap:2px 18px;padding:3px 0}
.rows>div+div{border-top:1px solid #171c2f}
.rows dt{color:var(--dim)}
.rows dd{margin:0;white-space:pre-line}
.under{margin:2px 0 0 0;padding-left:12px;border-left:2px solid var(--line);font-size:13px}
.under .rows>div{grid-template-columns:minmax(90px,190px) minmax(0,1fr)}
.how{color:var(--dim);font-style:italic;margin-right:5px}
.inline{color:var(--dim)}
section section{margin-left:0}
.group{border:1px solid var(--line);border-radius:8px;padding:2px 16px 10px;margin:12px 0;background:var(--panel)}
.group>h3,.group>h4,.group>h5,.group>h6{margin-top:10px}
.chips{margin:0 0 12px;display:flex;flex-wrap:wrap;gap:6px}
.chip{display:inline-block;white-space:nowrap;
padding:1px 9px;border-radius:10px;font-size:12px;background:var(--raised);color:#c9d4ea}
.chip.good{background:#12301f;color:var(--good)}
.chip.warning{background:#38300f;color:var(--warn)}
.chip.bad{background:#42191a;color:var(--bad)}
.note{border-left:3px solid var(--line);padding:6px 12px;background:var(--panel);color:#c9d4ea;max-width:none}
.note.warning{border-color:var(--warn);color:var(--warn)}
.note.bad{border-color:var(--bad);color:var(--bad)}
.more{color:var(--warn);font-size:13px}
.scroll{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse;font-size:13px;line-height:1.4}
caption{text-align:left;color:var(--dim);padding:4px 0}
th,td{padding:4px 10px;text-align:left;vertical-align:top;border-bottom:1px solid #1b2136;overflow-wrap:normal}
td.short{white-space:nowrap}
td.wide{overflow-wrap:anywhere;min-width:160px;max-width:420px}
thead th{color:var(--dim);font-weight:500;font-size:12px;border-bottom-color:var(--line);vertical-align:bottom}
th[scope=row]{font-weight:500}
td.number,th.number{text-align:right;white-space:nowrap}
tbody tr:hover{background:#0f1428}
.big{display:flex;flex-wrap:wrap;gap:10px;margin:10px 0 4px}
.big>div{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:8px 14px;min-width:130px}
.big .value{font-size:20px;line-height:1.25;font-weight:600}
.big .label{color:var(--dim);font-size:12px}
details{margin:8px 0}
summary{cursor:pointer;color:#c9d4ea;padding:2px 0}
summary:hover{color:#fff}
footer{margin-top:36px;border-top:1px solid var(--line);padding-top:8px}
.swatch{width:12px;height:12px;vertical-align:-1px;margin-right:7px}
.tags{width:100%;font-size:12px}
.tags td:first-child{white-space:nowrap;color:var(--dim)}
.tags td:nth-child(2){color:var(--dim)}
.tags td:nth-child(4){overflow-wrap:anywhere;width:55%;white-space:pre-line}
.tags td.nested{padding:0 0 4px 22px;color:inherit}
.tags .tags{margin:2px 0 6px}
.tags .tags>tbody{border-left:2px solid var(--line)}
.tick{font-size:11px}
.plot{display:block;max-width:100%;min-width:560px;height:auto;border-radius:4px}
figure{margin:10px 0 18px}
figcaption{color:var(--dim);font-size:12px;margin-bottom:3px}
.finding{font-size:17px;margin:4px 0 10px;white-space:pre-line}
audio{width:100%;max-width:620px;display:block;margin:8px 0}
.cda img,.figure img{max-width:100%}
.para{margin:6px 0}
.cda table{margin:8px 0}
@media print{:root{--back:#fff;--panel:#fff;--raised:#eee;--line:#bbb;--text:#000;--dim:#444;--link:#000}
.bar{position:static}}
"""

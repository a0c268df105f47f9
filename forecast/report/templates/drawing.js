// what all pages share: figures with their times, colours, frames, and what to do when they change
const drawing = (() => {
  "use strict";
  const { fit, press } = tables;
  const stored = JSON.parse(document.getElementById("figures").textContent);
  const touch = matchMedia("(pointer: coarse)").matches;
  const narrow = () => innerWidth < 600;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  // times are stored once, as steps from the first; a daily one is its date
  const times = {};
  for (const [kind, { first, step, gaps }] of Object.entries(stored.times)) {
    let at = first;
    const text = () => { const iso = new Date(at).toISOString(); return step === 86400000 ? iso.slice(0, 10) : iso.slice(0, 10) + " " + iso.slice(11, at % 1000 ? 23 : 19); };
    times[kind] = [text(), ...gaps.map((gap) => { at += gap * step; return text(); })];
  }
  const places = ({ from, count, steps }) => {
    if (!steps) return Array.from({ length: count }, (_, each) => from + each);
    let at = from;
    return [at, ...steps.map((step) => (at += step))];
  };
  const figures = {};
  for (const [name, { data, layout, ...rest }] of Object.entries(stored.figures)) {
    const traces = data.map((trace) => {
      if (!trace.x || !trace.x.kind) return trace.x?.length === 0 ? { ...trace, at: [] } : trace;
      const at = places(trace.x), names = times[trace.x.kind];
      return { ...trace, at, x: at.map((each) => names[each]) };
    });
    figures[name] = { data: traces, layout, ...rest };
  }

  const merged = (base, more) => {
    const result = { ...base };
    for (const [key, each] of Object.entries(more || {})) {
      const both = each && typeof each === "object" && !Array.isArray(each) && base[key];
      result[key] = both ? merged(base[key], each) : each;
    }
    return result;
  };

  // growth at a glance: the lines whose names stand in the table above it
  if (figures.growth) {
    const lines = figures.growth.data.filter((trace) => trace.visible === true);
    figures.overview = { data: lines, layout: merged(figures.growth.layout, { showlegend: false, height: 250, margin: { l: 8, r: 8, t: 4, b: 4 } }) };
  }

  // "var(--name)" or "var(--name)/0.2" anywhere in a figure -> the page's colour of now; long lists are numbers
  const colours = (node, style) => {
    if (typeof node === "string") {
      const parts = /^var\((--[a-z0-9_-]+)\)(?:\/([\d.]+))?$/.exec(node);
      if (!parts) return node;
      const hex = style.getPropertyValue(parts[1]).trim();
      if (!parts[2]) return hex;
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
      return `rgba(${r},${g},${b},${parts[2]})`;
    }
    if (Array.isArray(node)) return typeof node.at(-1) === "number" ? node : node.map((each) => colours(each, style));
    if (node && typeof node === "object") {
      return Object.fromEntries(Object.entries(node).map(([key, each]) => [key, colours(each, style)]));
    }
    return node;
  };

  const frame = (layout) => {
    const axis = { gridcolor: "var(--grid)", linecolor: "var(--rule)", tickcolor: "var(--rule)", zeroline: false, automargin: true, title: { standoff: 8, font: { size: 12, color: "var(--muted)" } } };
    const few = narrow() && layout.yaxis?.autorange === "reversed" ? { nticks: 3, tickangle: 0 } : {}; // names at the left take the room
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", uirevision: "keep",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow() ? 12 : 13, color: "var(--ink)" },
      margin: { l: 8, r: 8, t: 8, b: 8 }, dragmode: touch ? false : "zoom", xaxis: { ...axis, showgrid: false, ...few },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: "var(--paper)", bordercolor: "var(--rule)", font: { color: "var(--ink)" }, namelength: -1 },
    };
    for (const key of ["yaxis", ...Object.keys(layout).filter((each) => /^yaxis\d/.test(each))]) {
      const names = layout[key]?.autorange === "reversed";
      base[key] = narrow() && !names ? { ...axis, nticks: 5 } : axis; // else labels, margin and legend can change each other for ever
    }
    return merged(base, layout);
  };

  // ticks of an axis without gaps: where a year, a month, a day or a time of day begins
  const ticks = (first, last) => {
    const names = times.gapless, low = Math.max(0, Math.ceil(first)), high = Math.min(names.length - 1, Math.floor(last)), most = narrow() ? 4 : 8;
    const day = (text) => `${Number(text.slice(8, 10))} ${MONTHS[Number(text.slice(5, 7)) - 1]}`;
    const levels = [
      [4, (text) => text.slice(0, 4)],
      [7, (text) => `${MONTHS[Number(text.slice(5, 7)) - 1]} ${text.slice(0, 4)}`],
      [10, day],
    ];
    for (const [length, label] of levels) {
      const starts = [];
      for (let at = Math.max(low, 1); at <= high; at++) if (names[at].slice(0, length) !== names[at - 1].slice(0, length)) starts.push(at);
      if (starts.length < (length === 10 ? 1 : 3)) continue;
      if (length === 10 && names[0].length > 10 && starts.length < 3) continue;
      const every = Math.ceil(starts.length / most), kept = starts.filter((_, place) => place % every === 0);
      return { tickmode: "array", tickvals: kept, ticktext: kept.map((at) => label(names[at])) };
    }
    const kept = [...new Set(Array.from({ length: most }, (_, place) => Math.round(low + ((high - low) * (place + 0.5)) / most)))];
    let before = "";
    const text = kept.map((at) => { const date = day(names[at]), clock = names[at].slice(11, 16); const shown = date === before ? clock : `${clock}<br>${date}`; before = date; return shown; });
    return { tickmode: "array", tickvals: kept, ticktext: text };
  };

  const timed = ({ data, layout }) => layout.xaxis?.type === "category" && data.some((trace) => trace.at?.length);
  const gapless = ({ data, layout }) => {
    if (!timed({ data, layout })) return { data, layout };
    const all = data.flatMap((trace) => (trace.at?.length ? [trace.at[0], trace.at.at(-1)] : []));
    const range = layout.xaxis.range || [Math.min(...all) - 0.5, Math.max(...all) + 0.5];
    return { data, layout: merged(layout, { xaxis: { categoryorder: "array", categoryarray: times.gapless, range, autorange: false, ...ticks(...range) } }) };
  };

  // the chart library draws lines and bars alone: a cell of a heat map becomes a bar of height one; colours are of now
  const between = (scale, share) => {
    const next = Math.max(1, scale.findIndex(([at]) => at >= share)), [[low, first], [high, second]] = [scale[next - 1], scale[next]];
    const part = (share - low) / (high - low), channel = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
    return `rgb(${[1, 3, 5].map((at) => Math.round(channel(first, at) + part * (channel(second, at) - channel(first, at)))).join()})`;
  };
  const cells = ({ data, layout }) => {
    const map = data[0];
    if (map?.type !== "heatmap") return { data, layout };
    const all = map.z.flatMap((row, y) => row.map((z, x) => [map.x[x], y - 0.5, z, map.y[y]]));
    const column = (at) => all.map((cell) => cell[at]);
    const tints = column(2).map((z) => between(map.colorscale, Math.min(1, Math.max(0, (z - map.zmin) / (map.zmax - map.zmin)))));
    const bars = {
      type: "bar", x: column(0), base: column(1), y: all.map(() => 1), width: 1, customdata: all.map((cell) => [cell[3], cell[2]]), showlegend: false,
      marker: { color: tints, line: { width: 0 } },
      hovertemplate: map.hovertemplate.replace("%{y}", "%{customdata[0]}").replace("%{z", "%{customdata[1]"),
    };
    const key = {
      type: "scatter", mode: "markers", x: [map.x[0]], y: [0], showlegend: false, hoverinfo: "skip",
      marker: { size: 0.1, opacity: 0, color: [map.zmin], colorscale: map.colorscale, cmin: map.zmin, cmax: map.zmax, showscale: true, colorbar: map.colorbar },
    };
    const ends = [-0.5, map.y.length - 0.5], names = { tickmode: "array", tickvals: map.y.map((_, at) => at), ticktext: map.y };
    const yaxis = { type: "linear", ...names, range: layout.yaxis.autorange === "reversed" ? ends.reverse() : ends, autorange: false };
    const xaxis = { range: [Math.min(...map.x) - 0.5, Math.max(...map.x) + 0.5] };
    return { data: [bars, key], layout: merged(layout, { bargap: 0, barmode: "overlay", hovermode: "closest", xaxis, yaxis }) };
  };

  // a candle becomes a line from low to high and a bar from open to close, hollow where the price rose
  const candles = ({ data, layout }) => {
    if (!data.some((trace) => trace.type === "candlestick")) return { data, layout };
    const drawn = data.flatMap((trace) => {
      if (trace.type !== "candlestick") return [trace];
      const { x, open, high, low, close } = trace, ink = trace.line.color;
      const wick = { type: "scatter", mode: "lines", line: { color: ink, width: 1 }, hoverinfo: "skip", showlegend: false, x: x.flatMap((at) => [at, at, at]), y: x.flatMap((_, at) => [low[at], high[at], null]) };
      const hover = { customdata: x.map((_, at) => [open[at], high[at], low[at], close[at]]), hovertemplate: "open %{customdata[0]:,.6~r}<br>high %{customdata[1]:,.6~r}<br>low %{customdata[2]:,.6~r}<br>close %{customdata[3]:,.6~r}<extra></extra>" };
      const body = { type: "bar", name: trace.name, showlegend: false, x, base: open, y: x.map((_, at) => close[at] - open[at]), width: 0.7, marker: { color: x.map((_, at) => (close[at] > open[at] ? layout.hoverlabel.bgcolor : ink)), line: { color: ink, width: 1 } }, ...hover };
      return [wick, body];
    });
    return { data: drawn, layout: merged(layout, { barmode: "overlay" }) };
  };

  const copy = (button) => {
    const text = document.getElementById(button.dataset.copy);
    const answer = (word) => { button.textContent = word; setTimeout(() => { button.textContent = "Copy"; }, 1600); };
    const byHand = () => {
      getSelection().selectAllChildren(text);
      answer(document.execCommand("copy") ? "Copied" : "Selected");
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent.trim()).then(() => answer("Copied"), byHand);
    else byHand();
  };

  const chart = (name) => document.querySelector(`[data-chart="${name}"]`);
  const library = Boolean(window.Plotly);
  if (!library) document.getElementById("missing").hidden = false;

  const printing = () => document.documentElement.dataset.theme === "print";

  const show = (target, figure, doubleClick = "reset") => {
    if (!library) return null;
    const { data, layout } = gapless(narrow() || printing() ? { ...figure, data: figure.data.filter((trace) => trace.visible !== "legendonly") } : figure);
    const size = printing() ? { width: target.clientWidth, ...(layout.height ? {} : { height: target.clientHeight }) } : { autosize: true };
    const drawn = candles(cells(colours({ data, layout: { ...frame(layout), ...size } }, getComputedStyle(document.documentElement))));
    return Plotly.react(target, drawn.data, drawn.layout, { responsive: true, displayModeBar: false, doubleClick }).then(() => {
      if (!timed(figure) || target.dataset.follows) return;
      target.dataset.follows = "yes"; // other ticks where another stretch comes in sight
      target.on("plotly_relayout", (change) => {
        const range = change["xaxis.range"] || (change["xaxis.range[0]"] !== undefined && [change["xaxis.range[0]"], change["xaxis.range[1]"]]);
        if (range && !target.dataset.sight) Plotly.relayout(target, Object.fromEntries(Object.entries(ticks(...range)).map(([key, value]) => [`xaxis.${key}`, value])));
      });
    });
  };

  // draws what is in sight; what is folded when it is opened; all of it again where the page gets other colours
  const start = (draw, clicked = () => false) => {
    const hidden = (name) => { const target = chart(name); return !target || target.closest("details:not([open]), [hidden]"); };
    const drawSome = (root) => Promise.all(Object.keys(figures).filter((name) => !hidden(name) && (!root || root.contains(chart(name)))).map(draw));
    const drawAll = () => drawSome(null);
    for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", () => { if (details.open) { fit(); drawSome(details); } });
    document.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button || clicked(button)) return;
      if (button.dataset.copy) copy(button);
      if (button.dataset.tab) {
        press(button);
        for (const panel of document.querySelectorAll(`[data-panel^="${button.dataset.of}-"]`)) panel.hidden = panel.dataset.panel !== `${button.dataset.of}-${button.dataset.tab}`;
        fit();
      }
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "print"; fit(); drawAll(); });
    addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; fit(); drawAll(); });
    fit();
    return drawAll().then(() => { document.documentElement.dataset.drawn = "yes"; });
  };

  return { figures, times, library, touch, narrow, merged, chart, show, press, start };
})();

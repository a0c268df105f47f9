// what the report and the memory page share: colours, frames, and what to do when they change
const drawing = (() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const touch = matchMedia("(pointer: coarse)").matches;
  const narrow = () => innerWidth < 600;

  // "var(--name)" or "var(--name)/0.2" anywhere in a figure -> the page's colour of now; long lists are numbers
  const colours = (node, style) => {
    if (typeof node === "string") {
      const found = /^var\((--[a-z_]+)\)(?:\/([\d.]+))?$/.exec(node);
      if (!found) return node;
      const hex = style.getPropertyValue(found[1]).trim();
      if (!found[2]) return hex;
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
      return `rgba(${r},${g},${b},${found[2]})`;
    }
    if (Array.isArray(node)) return typeof node.at(-1) === "number" ? node : node.map((each) => colours(each, style));
    if (node && typeof node === "object") {
      return Object.fromEntries(Object.entries(node).map(([key, each]) => [key, colours(each, style)]));
    }
    return node;
  };

  const merged = (base, more) => {
    const result = { ...base };
    for (const [key, each] of Object.entries(more || {})) {
      const both = each && typeof each === "object" && !Array.isArray(each) && base[key];
      result[key] = both ? merged(base[key], each) : each;
    }
    return result;
  };

  const frame = (layout) => {
    const axis = { gridcolor: "var(--grid)", linecolor: "var(--rule)", tickcolor: "var(--rule)", zeroline: false, automargin: true, title: { standoff: 8, font: { size: 12, color: "var(--muted)" } } };
    const base = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", uirevision: "keep",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow() ? 12 : 13, color: "var(--ink)" },
      margin: { l: 8, r: 8, t: 8, b: 8 }, dragmode: touch ? false : "zoom", xaxis: { ...axis, showgrid: false },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: "var(--paper)", bordercolor: "var(--rule)", font: { color: "var(--ink)" }, namelength: -1 },
    };
    for (const key of ["yaxis", ...Object.keys(layout).filter((each) => /^yaxis\d/.test(each))]) base[key] = axis;
    return merged(base, layout);
  };

  const copy = (button) => {
    const text = document.getElementById(button.dataset.copy);
    const said = (word) => { button.textContent = word; setTimeout(() => { button.textContent = "Copy"; }, 1600); };
    const byHand = () => {
      getSelection().selectAllChildren(text);
      said(document.execCommand("copy") ? "Copied" : "Selected");
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent.trim()).then(() => said("Copied"), byHand);
    else byHand();
  };

  // draws again where the page gets other colours
  const keep = (drawAll) => {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; drawAll(); });
    addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; drawAll(); });
  };

  const chart = (name) => document.querySelector(`[data-chart="${name}"]`);

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
    return { data: [bars, key], layout: merged(layout, { bargap: 0, barmode: "overlay", hovermode: "closest", yaxis }) };
  };

  const library = Boolean(window.Plotly);
  if (!library) document.getElementById("missing").hidden = false;

  const show = (target, figure, doubleClick = "reset") => {
    if (!library) return null;
    const drawn = cells(colours({ data: figure.data, layout: frame(figure.layout) }, getComputedStyle(document.documentElement)));
    return Plotly.react(target, drawn.data, drawn.layout, { responsive: true, displayModeBar: false, doubleClick });
  };

  return { figures, library, touch, narrow, merged, chart, show, copy, keep };
})();

(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const touch = matchMedia("(pointer: coarse)").matches;
  const narrow = () => innerWidth < 600;

  // "var(--name)" or "var(--name)/0.2" anywhere in a figure -> the page's colour of now
  const colours = (node, style) => {
    if (typeof node === "string") {
      const found = /^var\((--[a-z]+)\)(?:\/([\d.]+))?$/.exec(node);
      if (!found) return node;
      const hex = style.getPropertyValue(found[1]).trim();
      if (!found[2]) return hex;
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
      return `rgba(${r},${g},${b},${found[2]})`;
    }
    if (Array.isArray(node)) return typeof node[0] === "number" ? node : node.map((each) => colours(each, style));
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

  const draw = (name) => {
    const target = document.querySelector(`[data-chart="${name}"]`);
    if (!target) return null;
    const style = getComputedStyle(document.documentElement);
    const drawn = colours({ data: figures[name].data, layout: frame(figures[name].layout) }, style);
    if (name === "prices" && touch) { drawn.layout.dragmode = "pan"; }
    if (name === "prices") drawn.layout.yaxis.fixedrange = true;
    if (target.dataset.scale) {
      drawn.layout.yaxis.type = target.dataset.scale;
      drawn.layout.yaxis.dtick = target.dataset.scale === "log" ? "D2" : null;
    }
    return Plotly.react(target, drawn.data, drawn.layout, {
      responsive: true, displayModeBar: false, doubleClick: "reset",
    });
  };

  // the price axis shows what is in sight, not eight years of it
  const fit = () => {
    const target = document.querySelector('[data-chart="prices"]');
    const line = figures.prices.data.find((trace) => trace.meta === "fit");
    const [from, to] = target.layout.xaxis.range.map((at) => String(at).replace(" ", "T"));
    let low = Infinity, high = -Infinity;
    line.x.forEach((at, row) => {
      if (at >= from.slice(0, at.length) && at <= to) { low = Math.min(low, line.y[row]); high = Math.max(high, line.y[row]); }
    });
    if (low > high) return;
    const margin = 0.07 * (high - low) || 0.01 * high;
    Plotly.relayout(target, { "yaxis.range": [low - margin, high + margin] });
  };

  const look = (bars, shift = 0) => {
    const target = document.querySelector('[data-chart="prices"]');
    const times = figures.prices.data.find((trace) => trace.meta === "fit").x;
    let last = times.length - 1, first = bars ? Math.max(0, last - bars) : 0;
    if (shift) {
      const [from, to] = target.layout.xaxis.range.map((at) => String(at).replace(" ", "T"));
      first = Math.max(0, times.findIndex((at) => at >= from.slice(0, at.length)));
      last = times.findLastIndex((at) => at <= to);
      const width = Math.max(1, last - first), step = Math.round(0.8 * width) * shift;
      first = Math.min(Math.max(0, first + step), times.length - 1 - width);
      last = first + width;
    }
    Plotly.relayout(target, { "xaxis.range": [times[Math.max(0, first)], times[last]] });
  };

  const press = (button) => {
    for (const each of button.parentElement.querySelectorAll("[aria-pressed]")) each.setAttribute("aria-pressed", String(each === button));
  };

  const drawAll = () => Promise.all(Object.keys(figures).map(draw));
  drawAll().then(() => {
    const price = document.querySelector('[data-chart="prices"]');
    price.on("plotly_relayout", (change) => { if (Object.keys(change).some((key) => key.startsWith("xaxis"))) fit(); });
    if (narrow()) press(document.querySelector('[data-bars="63"]')), look(63);
    else fit();
    document.documentElement.dataset.drawn = "yes";
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.scale) {
      const target = document.querySelector(`[data-chart="${button.dataset.of}"]`);
      target.dataset.scale = button.dataset.scale;
      press(button);
      Plotly.relayout(target, { "yaxis.type": button.dataset.scale, "yaxis.dtick": button.dataset.scale === "log" ? "D2" : null, "yaxis.autorange": true });
    } else if (button.dataset.bars) {
      press(button);
      look(Number(button.dataset.bars));
    } else if (button.dataset.shift) {
      look(0, Number(button.dataset.shift));
    } else if (button.dataset.copy) {
      const text = document.getElementById(button.dataset.copy).textContent.trim();
      const said = (word) => { button.textContent = word; setTimeout(() => { button.textContent = "Copy"; }, 1600); };
      const byHand = () => {
        const range = document.createRange();
        range.selectNodeContents(document.getElementById(button.dataset.copy));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        said(document.execCommand("copy") ? "Copied" : "Selected");
      };
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => said("Copied"), byHand);
      else byHand();
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; drawAll(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; drawAll(); });
})();

// charts with buttons: the scale of growth, and the part of the price chart that is in sight
(() => {
  "use strict";
  const { figures, library, touch, narrow, merged, chart, show, press, start } = drawing;
  const MOST_CANDLES = 400, MOST_MARKS = 9000, prices = figures.prices;
  const from = (list, at) => { let low = 0, high = list.length; while (low < high) { const mid = (low + high) >> 1; if (list[mid] < at) low = mid + 1; else high = mid; } return low; };
  const part = (trace, start, stop) => Object.fromEntries(Object.entries(trace).map(([key, each]) => [key, Array.isArray(each) ? each.slice(start, stop) : each]));

  // lowest and highest of each stretch: the same picture from fewer points
  const thinned = (trace, most) => {
    const width = Math.ceil(trace.x.length / (most / 2));
    if (width < 2) return trace;
    const rows = [];
    for (let start = 0; start < trace.x.length; start += width) {
      const stop = Math.min(start + width, trace.x.length);
      let low = start, high = start;
      for (let row = start; row < stop; row++) { if (trace.y[row] < trace.y[low]) low = row; if (trace.y[row] > trace.y[high]) high = row; }
      rows.push(...(low < high ? [low, high] : high < low ? [high, low] : [low]));
    }
    return { ...trace, x: rows.map((row) => trace.x[row]), y: rows.map((row) => trace.y[row]) };
  };

  // only what is in sight is drawn, and as much again on either side for dragging
  let sight = null;
  const inSight = () => {
    const bars = prices.data[0], first = from(bars.at, Math.ceil(sight[0])), last = Math.min(from(bars.at, Math.floor(sight[1]) + 1), bars.at.length) - 1, width = last - first + 1;
    const begin = Math.max(0, first - width), end = Math.min(bars.at.length, last + width + 1);
    const near = prices.data.slice(1).map((trace) => part(trace, Math.max(0, from(trace.at, bars.at[begin]) - 1), from(trace.at, bars.at[end - 1]) + 2));
    const marks = near.filter((trace) => trace.mode === "markers").reduce((sum, trace) => sum + trace.x.length, 0);
    document.getElementById("many").hidden = marks <= MOST_MARKS;
    const shown = part(bars, begin, end);
    const line = () => thinned({ type: "scatter", mode: "lines", name: bars.name, x: shown.x, y: shown.close, line: { color: bars.line.color, width: 1.25 }, hovertemplate: "close %{y:,.6~r}<extra></extra>" }, 6000);
    const data = [width <= MOST_CANDLES ? shown : line(), ...near.map((trace) => (trace.mode === "markers" && marks > MOST_MARKS ? { ...trace, x: [null], y: [null] } : trace))];
    let low = Infinity, high = -Infinity;
    for (let row = first; row <= last; row++) { low = Math.min(low, bars.low[row]); high = Math.max(high, bars.high[row]); }
    const margin = 0.07 * (high - low) || 0.01 * high || 1;
    const layout = merged(prices.layout, { uirevision: sight.join(), xaxis: { range: sight }, yaxis: { fixedrange: true, range: [low - margin, high + margin] }, dragmode: touch ? "pan" : "zoom" });
    return { data, layout };
  };

  const follow = (target) => {
    if (target.dataset.sight || !library) return;
    target.dataset.sight = "own";
    target.on("plotly_relayout", (change) => {
      const range = change["xaxis.range"] || (change["xaxis.range[0]"] !== undefined && [change["xaxis.range[0]"], change["xaxis.range[1]"]]);
      if (range && range.join() !== sight.join()) see(range);
    });
    target.on("plotly_doubleclick", () => { press(document.querySelector('[data-bars="0"]')); look(0); });
  };

  const draw = (name) => {
    const target = chart(name);
    if (name === "prices") { const drawn = show(target, inSight(), false); follow(target); return drawn; }
    const { scale } = target.dataset, { data, layout } = figures[name];
    const chosen = scale ? { yaxis: { type: scale, dtick: scale === "log" ? "D2" : null } } : {};
    return show(target, { data, layout: merged(layout, chosen) });
  };

  const see = (range) => { sight = range; return draw("prices"); };

  const look = (bars, shift = 0) => {
    const at = prices.data[0].at;
    let last = at.length - 1, first = bars ? Math.max(0, last + 1 - bars) : 0;
    if (shift) {
      first = Math.min(from(at, Math.ceil(sight[0])), last);
      last = Math.max(first, Math.min(from(at, Math.floor(sight[1]) + 1) - 1, last));
      const width = last - first;
      first = Math.min(Math.max(0, first + Math.round(0.8 * width) * shift), at.length - 1 - width);
      last = first + width;
    }
    sight = [at[first] - 0.5, at[last] + 0.5];
  };

  if (prices) {
    const bars = narrow() && prices.view === 250 ? 63 : prices.view;
    press(document.querySelector(`[data-bars="${bars}"]`));
    look(bars);
  }
  start(draw, (button) => {
    if (button.dataset.scale) {
      const target = chart(button.dataset.of);
      target.dataset.scale = button.dataset.scale;
      press(button);
      if (library) Plotly.relayout(target, { "yaxis.type": button.dataset.scale, "yaxis.dtick": button.dataset.scale === "log" ? "D2" : null, "yaxis.autorange": true });
    } else if (button.dataset.bars) {
      press(button);
      look(Number(button.dataset.bars));
      draw("prices");
    } else if (button.dataset.shift) {
      look(0, Number(button.dataset.shift));
      draw("prices");
    } else return false;
    return true;
  });
})();
{% include "trades.js" %}

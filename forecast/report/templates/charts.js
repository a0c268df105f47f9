(() => {
  "use strict";
  const { figures, library, touch, narrow, merged, chart, show, copy, keep } = drawing;
  const plain = (at) => String(at).replace(" ", "T");
  // times are ISO text of one format, so that text order is time order
  const from = (times, at) => { let low = 0, high = times.length; while (low < high) { const mid = (low + high) >> 1; if (times[mid] < at) low = mid + 1; else high = mid; } return low; };

  // lowest and highest of each stretch: the same picture from fewer points
  const thinned = (trace, most) => {
    const width = Math.ceil(trace.x.length / (most / 2));
    if (width < 2) return trace;
    const x = [], y = [];
    for (let start = 0; start < trace.x.length; start += width) {
      const stop = Math.min(start + width, trace.x.length);
      let low = start, high = start;
      for (let row = start; row < stop; row++) { if (trace.y[row] < trace.y[low]) low = row; if (trace.y[row] > trace.y[high]) high = row; }
      for (const row of low < high ? [low, high] : high < low ? [high, low] : [low]) { x.push(trace.x[row]); y.push(trace.y[row]); }
    }
    return { ...trace, x, y };
  };

  // of the price chart only what is in sight is drawn, and as much again on either side for dragging
  let sight = figures.prices && figures.prices.layout.xaxis.range;
  const inSight = () => {
    const line = figures.prices.data[0], first = from(line.x, sight[0]), last = from(line.x, sight[1]), width = last - first + 1;
    const [begin, end] = [line.x[Math.max(0, first - width)], line.x[Math.min(line.x.length - 1, last + width)]];
    const near = figures.prices.data.map((trace) => {
      const start = Math.max(0, from(trace.x, begin) - 1), stop = from(trace.x, end) + 2;
      return { ...trace, x: trace.x.slice(start, stop), y: trace.y.slice(start, stop) };
    });
    const marks = near.filter((trace) => trace.mode === "markers");
    const many = marks.reduce((sum, trace) => sum + trace.x.length, 0) > 9000;
    document.getElementById("many").hidden = !many;
    const data = near.map((trace) => trace.mode !== "markers" ? thinned(trace, 8000) : many ? { ...trace, x: [null], y: [null] } : trace);
    let low = Infinity, high = -Infinity;
    for (let row = first; row <= Math.min(last, line.y.length - 1); row++) { low = Math.min(low, line.y[row]); high = Math.max(high, line.y[row]); }
    const margin = 0.07 * (high - low) || 0.01 * high || 1;
    const layout = merged(figures.prices.layout, { uirevision: sight.join(), xaxis: { range: sight }, yaxis: { fixedrange: true, range: [low - margin, high + margin] }, dragmode: touch ? "pan" : "zoom" });
    return { data, layout };
  };

  const draw = (name) => {
    const target = chart(name);
    if (!target) return null;
    if (name === "prices") return show(target, inSight(), false);
    const { scale } = target.dataset, { data, layout } = figures[name];
    const chosen = scale ? { yaxis: { type: scale, dtick: scale === "log" ? "D2" : null } } : {};
    return show(target, { data, layout: merged(layout, chosen) });
  };

  const see = (range) => { sight = range; return draw("prices"); };

  const look = (bars, shift = 0) => {
    const times = figures.prices.data[0].x;
    let last = times.length - 1, first = bars ? Math.max(0, last - bars) : 0;
    if (shift) {
      first = Math.min(from(times, sight[0]), last);
      last = Math.min(from(times, sight[1]), last);
      const width = Math.max(1, last - first);
      first = Math.min(Math.max(0, first + Math.round(0.8 * width) * shift), times.length - 1 - width);
      last = first + width;
    }
    return see([times[first], times[last]]);
  };

  const press = (button) => {
    for (const each of button.parentElement.querySelectorAll("[aria-pressed]")) each.setAttribute("aria-pressed", String(each === button));
  };

  const drawAll = () => Promise.all(Object.keys(figures).map(draw));
  if (figures.prices && narrow() && document.querySelector('[data-bars="250"]').ariaPressed === "true") {
    const times = figures.prices.data[0].x;
    sight = [times[Math.max(0, times.length - 64)], times[times.length - 1]];
    press(document.querySelector('[data-bars="63"]'));
  }
  drawAll().then(() => {
    if (figures.prices && library) {
      chart("prices").on("plotly_relayout", (change) => {
        const range = change["xaxis.range"] || (change["xaxis.range[0]"] && [change["xaxis.range[0]"], change["xaxis.range[1]"]]);
        if (range) see(range.map(plain));
      });
      chart("prices").on("plotly_doubleclick", () => { press(document.querySelector('[data-bars="0"]')); look(0); });
    }
    document.documentElement.dataset.drawn = "yes";
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.scale) {
      const target = chart(button.dataset.of);
      target.dataset.scale = button.dataset.scale;
      press(button);
      Plotly.relayout(target, { "yaxis.type": button.dataset.scale, "yaxis.dtick": button.dataset.scale === "log" ? "D2" : null, "yaxis.autorange": true });
    } else if (button.dataset.bars) {
      press(button);
      look(Number(button.dataset.bars));
    } else if (button.dataset.shift) {
      look(0, Number(button.dataset.shift));
    } else if (button.dataset.copy) {
      copy(button);
    }
  });
  keep(drawAll);
})();

(() => {
  "use strict";
  const { figures, chart, show, copy, keep } = drawing;
  const draw = (name) => chart(name) && show(chart(name), figures[name]);
  const drawAll = () => Promise.all(Object.keys(figures).map(draw));
  drawAll().then(() => { document.documentElement.dataset.drawn = "yes"; });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
  keep(drawAll);
})();

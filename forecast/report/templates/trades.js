
// lists of trades: sorted by a click on a heading, the first ones shown, all of them saved as CSV
(() => {
  "use strict";
  const holder = document.getElementById("trade-lists");
  if (!holder) return;
  const FEW = 20, percent = (value) => `${(100 * value).toFixed(Math.abs(value) < 0.01 ? 2 : 1).replace("-", "−")} %`;
  const lists = JSON.parse(holder.textContent).map((list) => ({ ...list, sort: 0, down: true, all: false }));
  const COLUMNS = ["entry", "exit", "side", "bars", "net", "cost"];
  const WRITE = { net: percent, cost: percent, entry: (at) => at.slice(0, 19).replace("T", " "), exit: (at) => at.slice(0, 19).replace("T", " ") };
  const order = (list) => {
    const values = list[COLUMNS[list.sort]], sign = list.down ? -1 : 1;
    return values.map((_, row) => row).sort((a, b) => sign * (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : a - b));
  };
  const fill = (place) => {
    const list = lists[place], table = document.querySelector(`[data-trades="${place}"]`);
    if (!table) return;
    const rows = order(list).slice(0, list.all ? undefined : FEW);
    table.tBodies[0].replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      for (const column of COLUMNS) {
        const cell = document.createElement("td");
        cell.textContent = (WRITE[column] || String)(list[column][row]);
        line.append(cell);
      }
      return line;
    }));
    [...table.tHead.rows[0].cells].forEach((head, at) => { if (at === list.sort) head.setAttribute("aria-sort", list.down ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
    const more = document.querySelector(`[data-more="${place}"]`);
    more.hidden = list.bars.length <= FEW;
    more.textContent = list.all ? `Show ${FEW}` : `Show all ${list.bars.length}`;
  };
  const save = (list) => {
    const lines = [["entry", "exit", "side", "bars", "net_return", "cost"], ...order(list).map((row) => COLUMNS.map((column) => list[column][row]))];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.map((line) => line.join()).join("\n") + "\n"], { type: "text/csv" }));
    link.download = `${document.title.replace(/[^A-Za-z0-9]+/g, "-")}-${list.model}-trades.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  lists.forEach((_, place) => fill(place));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const table = button.closest("[data-trades]");
    if (button.dataset.sort && table) {
      const list = lists[table.dataset.trades], column = Number(button.dataset.sort);
      list.down = list.sort === column ? !list.down : column > 2;
      list.sort = column;
      fill(table.dataset.trades);
    } else if (button.dataset.more) {
      lists[button.dataset.more].all = !lists[button.dataset.more].all;
      fill(button.dataset.more);
    } else if (button.dataset.csv) save(lists[button.dataset.csv]);
  });
})();

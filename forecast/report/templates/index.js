// the table of runs: sorted by a click on a heading, filtered by words and answers
(() => {
  "use strict";
  const table = document.getElementById("runs");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows], words = document.getElementById("words"), choices = [...document.querySelectorAll("select[data-filter]")];
  const texts = rows.map((row) => row.dataset.words.toLowerCase());
  const value = (row, column) => { const cell = row.cells[column]; return cell.dataset.value === undefined ? cell.textContent.toLowerCase() : cell.dataset.value === "" ? null : Number(cell.dataset.value); };

  const filter = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, place) => {
      const fits = asked.every((word) => texts[place].includes(word)) && choices.every((choice) => !choice.value || row.dataset[choice.dataset.filter] === choice.value);
      row.hidden = !fits;
      shown += fits;
    });
    document.getElementById("count").textContent = shown === rows.length ? `${rows.length} run${rows.length === 1 ? "" : "s"}` : `${shown} of ${rows.length} runs`;
  };

  const sort = (head) => {
    const column = head.cellIndex, down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : head.dataset.first !== "up";
    const keyed = rows.map((row, place) => [value(row, column), place, row]);
    keyed.sort(([a, at], [b, to]) => (a === b ? at - to : a === null ? 1 : b === null ? -1 : (a < b ? -1 : 1) * (down ? -1 : 1)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...keyed.map(([, , row]) => row));
  };

  words.addEventListener("input", filter);
  for (const choice of choices) choice.addEventListener("change", filter);
  table.tHead.addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) sort(button.closest("th")); });
  document.getElementById("find").hidden = false;
  filter();
})();
tables.fit();
document.documentElement.dataset.drawn = "yes";
